"""Calls of the gateway from the command line: where it is, who asks, and one plain error when it fails."""

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx2
from cyclopts import Parameter, validators

from tidemill.cli.causes import first_of
from tidemill.cli.direct_runs import asked_about
from tidemill.cli.logins import read_logins
from tidemill.cli.output import Format, inert
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.errors import BadRequest, Failure, Unauthorized, Unavailable
from tidemill.kit.connect import connect, http_client
from tidemill.kit.wire import NO_SUCH_ROUTE

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:8000"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)  # cyclopts makes options of a dataclass's fields, not of a Struct's
class Remote:
    """Options of every command that asks a server."""

    gateway_url: Annotated[
        str,
        Parameter(
            name=["--gateway-url", "-u"],
            help=f"The server's address; else that of the last login, else {DEFAULT_URL}.",
            env_var="TIDEMILL_GATEWAY_URL",
        ),
    ] = ""
    token: Annotated[
        str,
        Parameter(
            help="A user's token, or the administrator's; else that of the login there.",
            env_var="TIDEMILL_TOKEN",
        ),
    ] = ""
    debug: Annotated[
        bool, Parameter(name=["--debug", "-d"], help="Tell each request on stderr.", negative="")
    ] = False
    detailed_errors: Annotated[bool, Parameter(help="Errors with their codes.", negative="")] = False


Output = Annotated[Format, Parameter(name=["--output", "-o"], help="table for people, json for programs.")]
Listed = Annotated[
    Format | None,
    Parameter(
        name=["--output", "-o"],
        help="table for people, json for programs; by default a table on a terminal, else Agola's lines.",
    ),
]
Server = Annotated[Remote | None, Parameter(name="*")]
#: How a project is named where it is the thing itself, as `project delete` does.
Thing = Annotated[
    str,
    Parameter(name=["--project", "--ref"], help="The project's path, such as user/alice/hello, or its id."),
]
Project = Annotated[str, Parameter(help="The project's path, such as user/alice/hello, or its id.")]
Owner = Annotated[
    str,
    Parameter(
        help="The project's path, such as user/alice/hello, or its id; --user alice: alice's direct runs."
    ),
]
Number = Annotated[
    int,
    Parameter(name=["--number", "--runnumber"], help="The run's number.", validator=validators.Number(gte=1)),
]


def ask(remote: Remote | None, call: Callable[[Gateway], Awaitable[T]], *, about: str = "") -> T:
    """Run *call* with the gateway of *remote*; failures say what to do next.

    *about* is the project that it is about, as the user named it, or `user/alice` for her direct runs.
    """
    server = where(remote)

    async def run() -> T:
        async with client(server.gateway_url, server.token, is_told=server.debug) as http:
            try:
                return await call(asked_about(connect(Gateway, http, PREFIX), about))
            except BaseExceptionGroup as group:
                first = first_of(group)
                raise first from first.__cause__

    try:
        return anyio.run(run)
    except Failure as error:
        sentence = _sentence(error, server, about)
        if server.detailed_errors:
            sentence = f"{sentence} ({error.code}{f', {error.details}' if error.details else ''})"
        raise type(error)(sentence, code=error.code, details=error.details) from error


def where(remote: Remote | None) -> Remote:
    """Which server, and who asks: as options say, else the environment, else the last login."""
    given = remote or Remote(
        gateway_url=os.environ.get("TIDEMILL_GATEWAY_URL", ""), token=os.environ.get("TIDEMILL_TOKEN", "")
    )
    if given.gateway_url and given.token:
        return given
    known = read_logins()
    url = given.gateway_url or known.current or DEFAULT_URL
    return replace(given, gateway_url=url, token=given.token or known.token(url))


def _sentence(error: Failure, server: Remote, about: str) -> str:
    """What to say of *error*, in words that say what to do on the command line."""
    if isinstance(error, Unavailable):
        return _why_unavailable(server, error)
    if isinstance(error, Unauthorized):
        reason = "the server does not know this token" if server.token else "a token is needed"
        return f"{reason}; give one with --token or TIDEMILL_TOKEN, or log in: tidemill login"
    return _next_step(error.code, server.gateway_url, about) or error.message


def _next_step(code: str, url: str, project: str) -> str:
    """A better sentence than the server's, which does not know the command line; "" if there is none."""
    if code == NO_SUCH_ROUTE:
        return f"{url} has no such route; --gateway-url is a server's address alone, such as {DEFAULT_URL}"
    if code == "projectDoesNotExist" and project and "/" not in project:
        return f"project {project!r} does not exist; a project is named by its path, such as user/alice/hello"
    if code == "runDoesNotExist" and project:
        return f"{project} has no such run; see: tidemill run list {project}"
    if code == "repositoryDoesNotExist" and project:
        return f"nothing has been pushed to {project} yet; push to {url}/git/{project}.git"
    return ""


def _why_unavailable(server: Remote, error: Unavailable) -> str:
    reason = error.message.removeprefix(f"{server.gateway_url.rstrip('/')}: ")
    if isinstance(error.__cause__, httpx2.TransportError | TimeoutError):
        return (
            f"{server.gateway_url} does not answer ({reason}); is the server running? "
            "Name another with --gateway-url or TIDEMILL_GATEWAY_URL"
        )
    return f"{error.message}; try again, or name another server with --gateway-url"


def client(url: str, token: str, *, is_told: bool = False) -> httpx2.AsyncClient:
    """An HTTP client for the gateway at *url*; raises BadRequest for what cannot be an address or a token.

    With *is_told* each request is told on stderr, without what it carries.
    """
    if not _is_address(url):
        raise BadRequest(
            f"--gateway-url {url}: an address begins with http:// or https://, such as {DEFAULT_URL}"
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise BadRequest(
            "the token has characters that no token has; copy it again (--token, TIDEMILL_TOKEN)"
        )
    http = http_client(url)
    if token:
        http.headers["Authorization"] = f"token {token}"
    if is_told:
        http.event_hooks = {"response": [_tell]}
    return http


async def _tell(response: httpx2.Response) -> None:
    request = response.request
    print(f"{request.method} {inert(str(request.url))}: {response.status_code}", file=sys.stderr)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port  # raises ValueError for one that is none
    except ValueError:
        return False
    return bool(
        parts.scheme in ("http", "https") and parts.hostname and port != 0 and not set(url) & set(" \t\n")
    )


async def complete(page: Callable[[str], Awaitable[tuple[list[T], str]]]) -> list[T]:
    """All items of a list that comes in pages; *page* takes a cursor and answers items and the next one."""
    items, cursor = await page("")
    while cursor:
        more, cursor = await page(cursor)
        items += more
    return items
