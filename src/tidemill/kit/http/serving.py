"""A contract served: one route per endpoint, arguments from the request, the answer to the response."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

import anyio
import msgspec
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tidemill.errors import Unavailable
from tidemill.kit.carriers import in_time
from tidemill.kit.contract import DEADLINE, Contract, Download, Endpoint, endpoints
from tidemill.kit.http.failing import JSON
from tidemill.kit.http.reading import Decoder, Reader, unescaped
from tidemill.kit.streams import close
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
    return [_route(contract, endpoint, service, prefix, dialect) for endpoint in endpoints(contract)]


def path_parameter(request: Request, name: str) -> str:
    """A parameter of an ordinary route's path, unquoted once; 400 when it is malformed."""
    return unescaped(request.scope, name)


def _route(
    contract: type[Contract], endpoint: Endpoint, service: Contract, prefix: str, dialect: Dialect
) -> Route:
    served = Served(contract, endpoint, getattr(service, endpoint.name), dialect)
    route = Route(prefix + endpoint.path, served, methods=[endpoint.verb])
    if endpoint.streams and not endpoint.heads and route.methods is not None:
        route.methods.discard("HEAD")  # it might never end
    return route


class Served:
    """An endpoint of a contract as an ASGI app; errors are the business of the app around it."""

    def __init__(
        self,
        contract: type[Contract],
        endpoint: Endpoint,
        target: Callable[..., Awaitable[Any]],
        dialect: Dialect,
    ) -> None:
        self.contract = contract
        self.endpoint = endpoint
        self.is_open = dialect.admit is _admit_all
        """Nobody looks at who asks."""
        self._target = target
        self._dialect = dialect
        self._reader = Reader(endpoint, dialect.decoder)
        self._streams = endpoint.streams
        self._has_cursor = endpoint.has_cursor
        self._uploads = endpoint.body is not None and endpoint.body.kind == "stream"
        self._hears_the_end = (endpoint.waits or endpoint.streams) and not self._uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._hears_the_end:
            arguments = await in_time(DEADLINE, self._arguments(scope, receive))
            await _while_wanted(scope["app"], receive, self._answer(arguments, send))
        elif self._uploads:
            await self._respond(await self._target(**await self._arguments(scope, receive)), send)
        else:
            await self._respond(await in_time(DEADLINE, self._whole_call(scope, receive)), send)

    async def _arguments(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        self._reader.check_length(scope)
        await self._dialect.admit(self.endpoint)
        return await self._reader.read(scope, receive)

    async def _whole_call(self, scope: Scope, receive: Receive) -> Any:
        return await self._target(**await self._arguments(scope, receive))

    async def _answer(self, arguments: dict[str, Any], send: Send) -> None:
        seconds = self.endpoint.seconds(arguments)
        await self._respond(await in_time(seconds, self._target(**arguments)), send)

    async def _respond(self, answer: Any, send: Send) -> None:
        endpoint = self.endpoint
        if self._streams:
            await _send_stream(answer, endpoint, send)
            return
        headers = [] if answer is None and endpoint.status == 200 else [JSON]
        if self._has_cursor:
            headers.append((CURSOR.lower().encode(), quote(answer.cursor, safe=_PRINTABLE).encode()))
            answer = answer.body
        elif endpoint.answer is bytes:
            headers = [(b"content-type", endpoint.media.encode())]
        body = (
            answer if isinstance(answer, bytes) else b"" if answer is None else self._dialect.encode(answer)
        )
        if endpoint.status != 204:
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": endpoint.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _send_stream(chunks: AsyncIterator[bytes], endpoint: Endpoint, send: Send) -> None:
    status, own = (
        (chunks.status, chunks.headers)
        if isinstance(chunks, Download)
        else (endpoint.status, {"cache-control": "no-cache"})
    )
    headers = [(name.encode(), text.encode("latin-1")) for name, text in own.items()]
    headers.append((b"content-type", endpoint.media.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    try:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
            await close(chunks)
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
