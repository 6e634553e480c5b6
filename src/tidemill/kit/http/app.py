"""The app around all routes: request ids, raw paths, credentials of services, error bodies, probes."""

import asyncio
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from email.utils import formatdate
from functools import cache
from urllib.parse import unquote

import anyio
import structlog
from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from tidemill.errors import BadRequest, Unauthorized, Unavailable
from tidemill.kit import telemetry
from tidemill.kit.contract import Call, calling
from tidemill.kit.http.edge import Edge
from tidemill.kit.http.failing import Answer, answer_to, failure_of
from tidemill.kit.http.outgoing import Headers, answering
from tidemill.kit.http.routing import ANY_DEPTH, by_depth
from tidemill.kit.wire import CALLER, REQUEST_ID, WRONG_SERVICE_TOKEN

API = "/api/"
#: Requests there that have no Accept header get Agola's error bodies.
AS_AGOLA = (API, "/webhooks")
#: Only services may ask what is under it.
INTERNAL = "/internal/"

_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_REQUEST_ID = re.compile(rb"[0-9A-Za-z_-]{1,64}")

log = structlog.get_logger("http")

#: Answers why each part that cannot serve cannot, by the part's name.
Ready = Callable[[], Awaitable[Mapping[str, str]]]


async def _nothing_missing() -> Mapping[str, str]:
    return {}


def make_app(
    routes: Iterable[BaseRoute],
    *,
    ready: Ready = _nothing_missing,
    service_token: str = "",
    edge: Edge | None = None,
) -> "App":
    """All of *routes* as one ASGI app, with /livez, /readyz and /metrics.

    *ready* answers why each part that cannot serve cannot. Without a *service_token* what is under
    /internal is answered on loopback addresses only.
    """
    return App(routes, ready=ready, service_token=service_token, edge=edge or Edge())


class App:
    """An ASGI app whose every answer has a request id, and whose every failure has a body."""

    def __init__(
        self,
        routes: Iterable[BaseRoute],
        *,
        ready: Ready,
        service_token: str,
        edge: Edge,
    ) -> None:
        self.is_stopping = False
        self.waiting: set[anyio.CancelScope] = set()
        """Answers that may take their time; a stopping server ends them."""
        self._ready = ready
        self._edge = edge
        self._bearer = b"Bearer " + service_token.encode() if service_token else b""
        own = [Route("/livez", _live), Route("/readyz", self._answer_ready), Route("/metrics", _metrics)]
        self._routers = by_depth([*own, *routes])

    def stop(self) -> None:
        """Answer no longer that it is ready, and end what waits."""
        self.is_stopping = True
        for scope in list(self.waiting):
            scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = _Exchange(scope, send, self._edge)
        with calling(exchange.call), answering(exchange.own):
            try:
                if (answer := self._admit(exchange)) is not None:
                    await exchange.answer(answer)
                    return
                router = self._routers.get(exchange.path.count("/")) or self._routers[ANY_DEPTH]
                await router(scope, receive, exchange.send)
            except Exception as error:  # noqa: BLE001 - the edge: everything becomes an answer
                await exchange.fail(error)
            except asyncio.CancelledError:
                await exchange.fail(Unavailable("the server is stopping; ask again"))
                raise
            finally:
                exchange.record()

    def _admit(self, exchange: "_Exchange") -> Answer | None:
        """Answer *exchange*, or let it pass to the routes: they see the raw path, %2F is no separator."""
        exchange.scope["app"] = self
        path = exchange.path
        if _MALFORMED_ESCAPE.search(path):
            raise BadRequest("the path holds a malformed escape")
        if exchange.is_internal:
            self._authenticate(exchange)
            return None
        return self._edge.first_look(
            exchange.scope["method"], path, exchange.scope["query_string"], exchange.headers
        )

    def _authenticate(self, exchange: "_Exchange") -> None:
        if self._bearer:
            if hmac.compare_digest(exchange.headers.get(b"authorization", b""), self._bearer):
                return
        elif _is_loopback(exchange.scope):
            return
        raise Unauthorized("services need the right service_token here", code=WRONG_SERVICE_TOKEN)

    async def _answer_ready(self, _: Request) -> Response:
        reasons = {"server": "it is stopping"} if self.is_stopping else await self._ready()
        if reasons:
            parts = "; ".join(f"{part}: {reason}" for part, reason in reasons.items())
            raise Unavailable(f"not ready: {parts}", code="notReady", details=dict(reasons))
        return Response("ready\n", media_type="text/plain")


class _Exchange:
    """One request and what becomes of it."""

    def __init__(self, scope: Scope, send: Send, edge: Edge) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.path: str = scope["raw_path"].decode("latin-1")
        self.is_internal = self.path.startswith(INTERNAL)
        self.own: Headers = []
        """Headers that a route wants to be sent with the answer, whatever that is."""
        self.status = 0
        self._edge = edge
        self._send = send
        self._begun = time.perf_counter()
        self._seconds = 0.0
        scope["path"] = self.path
        given = self.headers.get(REQUEST_ID.lower().encode(), b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        internal = self.is_internal
        self.call = Call(
            request_id=request_id,
            caller=unquote(self._header(CALLER.lower().encode())) if internal else "",
            authorization="" if internal else self._header(b"authorization"),
            accept=self._header(b"accept"),
            last_event_id=self._header(b"last-event-id"),
            verb=scope["method"],
            range=self._header(b"range"),
            if_range=self._header(b"if-range"),
            if_none_match=self._header(b"if-none-match"),
            remote=edge.remote((scope.get("client") or ("",))[0], () if internal else scope["headers"]),
            headers={} if internal else self.headers,
        )

    def _header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._seconds = time.perf_counter() - self._begun
            message["headers"] = [
                *self._with_edge([*message.get("headers", ()), *self.own]),
                (b"date", formatdate(usegmt=True).encode()),
                (b"x-request-id", self.call.request_id.encode()),
            ]
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Answer *error*; an answer that has begun is cut, so that it is not taken for a whole one."""
        failure = failure_of(error, self.call.request_id)
        if self.status:
            log.warning("answer cut", path=self.path, code=failure.code, error=failure.message)
            return
        as_agola = self.path.startswith(AS_AGOLA) and b"accept" not in self.headers
        await self.answer(
            answer_to(failure, as_agola=as_agola, length_known=b"content-length" in self.headers)
        )

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer."""
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body})

    def _with_edge(self, headers: Headers) -> Headers:
        """*headers*, and what is said to browsers beside them."""
        if self.is_internal:
            return headers
        given = {name for name, _ in headers}
        said = self._edge.headers(self.scope["method"], self.headers, is_api=self.path.startswith(API))
        return headers + [header for header in said if header[0] not in given or header[0] == b"vary"]

    def record(self) -> None:
        """Count and log the exchange; the query stays out, since it may hold secrets."""
        route = getattr(self.scope.get("route"), "path", "none")
        verb = self.scope["method"]
        requests, seconds = _counters(verb, route, self.status)
        requests.inc()
        seconds.observe(self._seconds)
        write = log.info if self.path.startswith((API, "/git/", "/repos/")) else log.debug
        write(
            "request",
            verb=verb,
            path=self.path,
            status=self.status,
            ms=round(1000 * (time.perf_counter() - self._begun), 1),
            remote=self.call.remote,
        )


def _is_loopback(scope: Scope) -> bool:
    """Whether the request came in at a loopback address or a socket file."""
    host, port = scope.get("server") or ("", None)
    return port is None or _is_loopback_host(host)


@cache
def _is_loopback_host(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


@cache
def _counters(verb: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return telemetry.http_requests.labels(verb, route, status), telemetry.http_seconds.labels(verb, route)


async def _live(_: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


def _metrics(_: Request) -> Response:
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415 - rarely needed

    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})
