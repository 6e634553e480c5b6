"""The client of a contract, derived: calls become HTTP requests, error bodies become errors again."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode

import httpx2
import msgspec

from tidemill.errors import BY_STATUS, BadRequest, Failure, Internal, Unavailable
from tidemill.kit.contract import DEADLINE, Contract, Endpoint, Page, Paged, current_call, derive
from tidemill.kit.fail_over import FailOver
from tidemill.kit.wire import CALLER, CURSOR, NO_SUCH_ROUTE, REQUEST_ID, WRONG_SERVICE_TOKEN, ErrorItem

C = TypeVar("C", bound=Contract)

_CONNECT_SECONDS = 5.0
_SILENCE_SECONDS = 60.0
#: Of a call's time; silence is noticed before the deadline, so that it can be told from other ends.
_FIRST_SILENCE = 0.95
_SHOWN_BYTES = 200
_PAGE = "text/html"
#: Ask a silent peer after 30 s whether it is there, and give it up after another 30.
_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]
_errors = msgspec.json.Decoder(list[ErrorItem])


def http_client(
    url: str,
    *,
    service_token: str = "",
    wrap: Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport] | None = None,
) -> httpx2.AsyncClient:
    """A client for the services at *url*: any number of long polls, and dead peers are noticed.

    *url* may be several addresses of the same service, separated by commas (see `fail_over`). *wrap*
    goes around whatever sends the requests.
    """
    at = addresses(url)
    transport: httpx2.AsyncBaseTransport = _Transport(
        verify="https://" in url,  # else certificates are not read, which takes 50 ms
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30),
        socket_options=_ALIVE,
    )
    if len(at) > 1:
        transport = FailOver([httpx2.URL(address) for address in at], transport)
    if wrap is not None:
        transport = wrap(transport)
    headers = {"Accept": "application/json"}
    if service_token:
        headers["Authorization"] = f"Bearer {service_token}"
    return httpx2.AsyncClient(base_url=at[0], headers=headers, transport=transport)


class _Transport(httpx2.AsyncHTTPTransport):
    """Sends requests; every way in which no connection comes about is an error of the transport."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            # What is closed at the other end while its options are set has no socket any more.
            raise httpx2.NetworkError("the connection was closed while it was made") from error


def addresses(url: str) -> list[str]:
    """The addresses that *url* names, separated by commas."""
    return [part.strip().rstrip("/") for part in url.split(",") if part.strip()]


def connect(
    contract: type[C],
    http: httpx2.AsyncClient,
    prefix: str,
    *,
    is_service: bool = True,
) -> C:
    """An object of the contract's type that asks the service behind *http* under *prefix*.

    *http* carries the address and the credentials. Whatever keeps the service from answering is
    Unavailable; a deadline ends every call. That a service's own credentials are wrong is a failure of
    the installation (Internal); somebody who is no service is told that they are Unauthorized.
    """

    def make(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
        request = _requests(endpoint, prefix, is_service=is_service)
        read = _answers(endpoint, is_service=is_service)

        async def call(_: C, *args: Any, **kwargs: Any) -> Any:
            bound = endpoint.bind(args, kwargs)
            seconds = endpoint.seconds(bound)
            uploads = endpoint.body is not None and endpoint.body.kind == "stream"
            sent = request(http, bound, seconds)
            try:
                async with asyncio.timeout(None if uploads else seconds):
                    response = await http.send(sent, stream=True)
                    return await read(response)
            except (httpx2.TransportError, TimeoutError) as error:
                raise _unavailable(sent, error) from error

        call.__endpoint__ = endpoint  # type: ignore[attr-defined]  # what goes through pages asks for it
        return call

    return derive(contract, make)


def _requests(
    endpoint: Endpoint, prefix: str, *, is_service: bool
) -> Callable[[httpx2.AsyncClient, dict[str, Any], float], httpx2.Request]:
    """What turns the arguments of a call into its request."""
    path = prefix + endpoint.path
    in_path = [p.name for p in endpoint.parameters if p.kind == "path"]
    in_query = [p for p in endpoint.parameters if p.kind == "query"]
    body = endpoint.body

    def build(http: httpx2.AsyncClient, bound: dict[str, Any], seconds: float) -> httpx2.Request:
        url = path.format_map({name: _segment(bound[name]) for name in in_path})
        query = [
            (p.name, text)
            for p in in_query
            if p.name in bound and bound[p.name] != p.default
            for text in _texts(bound[p.name], is_list=p.is_list)
        ]
        headers = {REQUEST_ID: current_call().request_id} if current_call().request_id else {}
        if is_service and current_call().caller:
            headers[CALLER] = quote(current_call().caller)
        content: Any = None
        if body is not None and body.name in bound:
            content = bound[body.name]
            if body.kind == "body":
                content, headers["Content-Type"] = msgspec.json.encode(content), "application/json"
            else:
                headers["Content-Type"] = "application/octet-stream"
        return http.build_request(
            endpoint.verb,
            f"{url}?{urlencode(query)}" if query else url,
            content=content,
            headers=headers,
            timeout=httpx2.Timeout(
                _CONNECT_SECONDS, read=_patience(endpoint, seconds), write=DEADLINE, pool=DEADLINE
            ),
        )

    return build


def _patience(endpoint: Endpoint, seconds: float) -> float | None:
    """Seconds of silence between two bytes: whoever follows waits, everyone else has a bound."""
    if endpoint.streams:
        return None if endpoint.waits else _SILENCE_SECONDS
    return seconds * _FIRST_SILENCE


def _answers(endpoint: Endpoint, *, is_service: bool) -> Callable[[httpx2.Response], Awaitable[Any]]:
    """What turns the response to a call into its answer."""
    kind = endpoint.answer
    raw = endpoint.streams or kind is bytes
    decoder = msgspec.json.Decoder(Any if raw else endpoint.answer_body)

    async def read(response: httpx2.Response) -> Any:
        if response.status_code >= 300:
            try:
                raise _failure(response, await response.aread(), is_service=is_service)
            finally:
                await response.aclose()
        if endpoint.streams:
            if _is_page(response) and not endpoint.media.startswith(_PAGE):
                await response.aclose()
                raise Internal(f"{_place(response)} answered a page, which is not of Tidemill: a proxy's?")
            return _Stream(response)
        try:
            content = await response.aread()
        finally:
            await response.aclose()
        if raw:
            return content
        try:
            answer = decoder.decode(content or b"null")
        except msgspec.DecodeError as error:
            raise Internal(f"{_place(response)} answered what is not expected: {error}") from error
        if not endpoint.has_cursor:
            return answer
        cursor = unquote(response.headers.get(CURSOR, ""))
        return Page(answer, cursor) if endpoint.pages else Paged(answer, cursor)

    return read


def _is_page(response: httpx2.Response) -> bool:
    return bool(response.headers.get("Content-Type", "").startswith(_PAGE))


class _Stream(AsyncIterator[bytes]):
    """The bytes of a streamed answer; ends only where the service has ended it."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._chunks = response.aiter_raw()
        framing = {"transfer-encoding", "content-length"} & response.headers.keys()
        self._ends_by_itself = bool(framing) or response.http_version == "HTTP/2"

    async def __anext__(self) -> bytes:
        try:
            return await self._chunks.__anext__()
        except httpx2.TransportError as error:
            raise Unavailable(f"{_place(self._response)}: the answer was cut ({error})") from error
        except StopAsyncIteration:
            if self._ends_by_itself:
                raise
            raise Unavailable(
                f"{_place(self._response)}: nobody can tell whether the answer was cut; "
                "something on the way has removed the mark of its end"
            ) from None

    async def aclose(self) -> None:
        await self._response.aclose()


def _failure(response: httpx2.Response, body: bytes, *, is_service: bool) -> Failure:
    """The error that a response tells of.

    Absence is never inferred from a bare status: a 404 that is not our own is "ask again".
    """
    status = response.status_code
    try:
        items = _errors.decode(body)
    except msgspec.DecodeError:
        items = []
    if not items:
        text = body[:_SHOWN_BYTES].decode(errors="replace").strip()
        said = f": {text}" if text and not text.startswith("<") else ""  # a page is for browsers
        message = f"{_place(response)} answered {status} without saying why{said}"
        kind = Unavailable if status in (404, 502, 504) else BY_STATUS.get(status, _nearest(status))
        return kind(message)
    item = items[0]
    if item.code == NO_SUCH_ROUTE or (item.code == WRONG_SERVICE_TOKEN and is_service):
        return Internal(f"{_place(response)}: {item.message}", code=item.code)
    kind = BY_STATUS.get(status, _nearest(status))
    return kind(item.message or item.code, code=item.code, details=item.details)


def _nearest(status: int) -> type[Failure]:
    return Internal if status >= 500 or status < 400 else BadRequest


def _unavailable(sent: httpx2.Request, error: Exception) -> Unavailable:
    asked = sent.url.copy_with(raw_path=b"/")
    if isinstance(error, (TimeoutError, httpx2.TimeoutException)):
        return Unavailable(f"{asked}: no answer in time")
    return Unavailable(f"{asked}: {error or type(error).__name__}")


def _place(response: httpx2.Response) -> str:
    return str(response.request.url.copy_with(query=None))


def _segment(value: Any) -> str:
    """A value as one segment of a path; a dot segment would be resolved away."""
    text = quote(_text(value), safe="")
    return text.replace(".", "%2E") if text in (".", "..") else text


def _texts(value: Any, *, is_list: bool) -> list[str]:
    if value is None:
        return []
    return [_text(one) for one in value] if is_list else [_text(value)]


def _text(value: Any) -> str:
    plain = msgspec.to_builtins(value)
    return ("false", "true")[plain] if isinstance(plain, bool) else str(plain)
