"""Connections of clients: where a server is, who asks, how patiently."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2

from tidemill.contracts.client.gateway import GatewayClient
from tidemill.contracts.client.services import ConfigstoreClient, NotificationClient, RunserviceClient
from tidemill.errors import BadRequest
from tidemill.kit.connect import addresses, connect, http_client
from tidemill.kit.contract import Contract
from tidemill.kit.repeating import Repeating

C = TypeVar("C", bound=Contract)

#: Seconds for which a call that only reads is repeated while no answer comes.
PATIENCE = 10.0


@asynccontextmanager
async def connect_gateway(
    url: str, *, token: str = "", patience: float = PATIENCE
) -> AsyncIterator[GatewayClient]:
    """The public API of the server at *url*, for who has *token*: a user's, or the administrator's.

    *patience* is for how many seconds a call that only reads is repeated when the server is not there;
    0 is never. Raises BadRequest for what is no address or no token, before anything is sent.
    """
    async with _http(url, f"token {_sendable(token)}" if token else "", patience) as http:
        yield GatewayClient(http)


@asynccontextmanager
async def connect_configstore(
    url: str, *, service_token: str, patience: float = PATIENCE
) -> AsyncIterator[ConfigstoreClient]:
    """The configstore at *url*, as a service of its installation asks it."""
    async with _service(ConfigstoreClient, "configstore", url, service_token, patience) as client:
        yield client


@asynccontextmanager
async def connect_runservice(
    url: str, *, service_token: str, patience: float = PATIENCE
) -> AsyncIterator[RunserviceClient]:
    """The runservice at *url*, as a service of its installation asks it."""
    async with _service(RunserviceClient, "runservice", url, service_token, patience) as client:
        yield client


@asynccontextmanager
async def connect_notification(
    url: str, *, service_token: str, patience: float = PATIENCE
) -> AsyncIterator[NotificationClient]:
    """The notification service at *url*, as a service of its installation asks it."""
    async with _service(NotificationClient, "notification", url, service_token, patience) as client:
        yield client


@asynccontextmanager
async def _service(
    contract: type[C], name: str, url: str, service_token: str, patience: float
) -> AsyncIterator[C]:
    async with _http(url, f"Bearer {_sendable(service_token)}", patience) as http:
        yield connect(contract, http, f"/internal/{name}", is_service=False)


@asynccontextmanager
async def _http(url: str, authorization: str, patience: float) -> AsyncIterator[httpx2.AsyncClient]:
    for address in addresses(url) or [url]:
        _check_address(address)
    async with http_client(url, wrap=lambda transport: Repeating(transport, patience=patience)) as http:
        if authorization:
            http.headers["Authorization"] = authorization
        yield http


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or set(url) & set(" \t\n"):
        raise BadRequest(f"{url!r} is not an address; one is http://127.0.0.1:8000")


def _sendable(token: str) -> str:
    if not token or not (token.isascii() and token.isprintable()) or " " in token:
        raise BadRequest("the token is empty, or has characters that no token has; copy it again")
    return token
