"""A contract served: one route per endpoint, arguments from the request, the answer to the response."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

import anyio
import msgspec
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tidemill.errors import Unavailable
from tidemill.kit.carriers import in_time
from tidemill.kit.contract import Contract, Endpoint, calling, current_call, endpoints
from tidemill.kit.http.failing import JSON
from tidemill.kit.http.reading import Decoder, Reader, unescaped
from tidemill.kit.wire import CURSOR

if TYPE_CHECKING:
    from tidemill.kit.http.app import App

C = TypeVar("C", bound=Contract)

_CLOSING_SECONDS = 5.0
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


async def _admit_all(_: Endpoint) -> None:
    """Whoever may ask was looked at before."""


class Dialect(NamedTuple):
    """How a contract is spoken where it follows somebody else's habits; plain JSON by default."""

    admit: Callable[[Endpoint], Awaitable[None]] = _admit_all
    """Called before anything of a request is read; raises what refuses it."""
    decoder: Decoder = lambda kind: msgspec.json.Decoder(kind).decode
    encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def serve(contract: type[C], service: C, prefix: str, dialect: Dialect = Dialect()) -> list[Route]:  # noqa: B008 - immutable
    """The routes of *contract* under *prefix*, answered by *service*."""
    return [
        _route(endpoint, getattr(service, endpoint.name), prefix, dialect) for endpoint in endpoints(contract)
    ]


def path_parameter(request: Request, name: str) -> str:
    """A parameter of an ordinary route's path, unquoted once; 400 when it is malformed."""
    return unescaped(request.scope, name)


def _route(endpoint: Endpoint, target: Callable[..., Awaitable[Any]], prefix: str, dialect: Dialect) -> Route:
    route = Route(prefix + endpoint.path, _Served(endpoint, target, dialect), methods=[endpoint.verb])
    if endpoint.streams and route.methods is not None:
        route.methods.discard("HEAD")  # it might never end
    return route


class _Served:
    """An endpoint as an ASGI app; errors are the business of the app around it."""

    def __init__(self, endpoint: Endpoint, target: Callable[..., Awaitable[Any]], dialect: Dialect) -> None:
        self._endpoint = endpoint
        self._target = target
        self._dialect = dialect
        self._reader = Reader(endpoint, dialect.decoder)
        uploads = endpoint.body is not None and endpoint.body.kind == "stream"
        self._uploads = uploads
        self._hears_the_end = (endpoint.waits or endpoint.streams) and not uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._dialect.admit(self._endpoint)
        arguments = await self._reader.read(scope, receive)
        if self._hears_the_end:
            await _while_wanted(scope["app"], receive, self._answer(arguments, send))
        else:
            await self._answer(arguments, send)

    async def _answer(self, arguments: dict[str, Any], send: Send) -> None:
        endpoint = self._endpoint
        seconds = None if self._uploads else endpoint.seconds(arguments)
        deadline = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
        with calling(msgspec.structs.replace(current_call(), deadline=deadline)):
            answer = await in_time(seconds, self._target(**arguments))
            if endpoint.streams:
                await _send_stream(answer, endpoint, send)
                return
        headers = [] if answer is None and endpoint.status == 200 else [JSON]
        if endpoint.pages:
            headers.append((CURSOR.lower().encode(), quote(answer.cursor, safe=_PRINTABLE).encode()))
            answer = answer.items
        elif endpoint.answer is bytes:
            headers = [(b"content-type", endpoint.media.encode())]
        body = (
            answer if isinstance(answer, bytes) else b"" if answer is None else self._dialect.encode(answer)
        )
        await _send(endpoint.status, headers, body, send)


async def _send(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    if status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_stream(chunks: AsyncIterator[bytes], endpoint: Endpoint, send: Send) -> None:
    headers = [(b"content-type", endpoint.media.encode()), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": endpoint.status, "headers": headers})
    try:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
                await close()
    await send({"type": "http.response.body", "body": b""})


async def _while_wanted(app: "App", receive: Receive, work: Awaitable[None]) -> None:
    """Do *work* until it is done, the client hangs up, or the server stops."""
    with anyio.CancelScope() as wanted:
        watcher = asyncio.create_task(_hang_up(receive, wanted))
        app.waiting.add(wanted)
        try:
            await work
        finally:
            app.waiting.discard(wanted)
            watcher.cancel()
    if wanted.cancelled_caught and app.is_stopping:
        raise Unavailable("the server is stopping; ask again")


async def _hang_up(receive: Receive, wanted: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    wanted.cancel()
