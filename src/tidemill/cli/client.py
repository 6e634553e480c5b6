"""Calls of the gateway from the command line: where it is, who asks, and one plain error when it fails."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import anyio
import httpx2
from cyclopts import Parameter

from tidemill.cli.output import Format
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.errors import BadRequest, NotFound, Unauthorized, Unavailable
from tidemill.kit.connect import connect

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:8000"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)  # cyclopts makes options of a dataclass's fields, not of a Struct's
class Remote:
    """Options of every command that asks a server."""

    gateway_url: Annotated[str, Parameter(help="The server's address.", env_var="TIDEMILL_GATEWAY_URL")] = (
        DEFAULT_URL
    )
    token: Annotated[
        str, Parameter(help="A user's token, or the administrator's.", env_var="TIDEMILL_TOKEN")
    ] = ""


Output = Annotated[Format, Parameter(name=["--output", "-o"], help="table for people, json for programs.")]
Server = Annotated[Remote | None, Parameter(name="*")]


def ask(remote: Remote | None, call: Callable[[Gateway], Awaitable[T]]) -> T:
    """Run *call* with the gateway of *remote*; failures say what to do next."""
    server = remote or Remote(
        gateway_url=os.environ.get("TIDEMILL_GATEWAY_URL") or DEFAULT_URL,
        token=os.environ.get("TIDEMILL_TOKEN", ""),
    )

    async def run() -> T:
        async with client(server.gateway_url, server.token) as http:
            try:
                return await call(connect(Gateway, http, PREFIX))
            except BaseExceptionGroup as group:
                raise _first(group) from group

    try:
        return anyio.run(run)
    except Unavailable as error:
        raise Unavailable(
            f"{server.gateway_url} does not answer ({error.message}); is the server running? "
            "Name another with --gateway-url or TIDEMILL_GATEWAY_URL"
        ) from error
    except Unauthorized as error:
        hint = "is not known to the server" if server.token else "is needed"
        raise Unauthorized(f"a token {hint}; give one with --token or TIDEMILL_TOKEN") from error
    except NotFound as error:
        raise NotFound(error.message if error.message != "" else f"not found ({error.code})") from error


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def client(url: str, token: str) -> httpx2.AsyncClient:
    """An HTTP client for the gateway at *url*; raises BadRequest for an address that cannot be one."""
    if not url.startswith(("http://", "https://")):
        raise BadRequest(f"--gateway-url {url}: an address begins with http:// or https://")
    headers = {"Accept": "application/json"} | ({"Authorization": f"token {token}"} if token else {})
    # without TLS no certificates are read, which takes 50 ms
    verify = url.startswith("https://")
    return httpx2.AsyncClient(base_url=url.rstrip("/"), headers=headers, verify=verify)


async def complete(page: Callable[[str], Awaitable[tuple[list[T], str]]]) -> list[T]:
    """All items of a list that comes in pages; *page* takes a cursor and answers items and the next one."""
    items, cursor = await page("")
    while cursor:
        more, cursor = await page(cursor)
        items += more
    return items
