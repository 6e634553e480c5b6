"""What is on the wire before a request is one: its head has bounds, and what is no request is told so."""

import asyncio

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidemill.kit.wire import ErrorItem

#: What uvicorn says of bytes that are no request, and what we say.
_NO_REQUEST = "Invalid HTTP request received."
_NO_HTTP = "this is no HTTP request; a method may be unknown, or a header malformed"

#: Bytes that the lines before a body may have together.
HEAD_LIMIT = 128 * 1024


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol for who never comes to the end of a head, or does not speak HTTP."""

    head_seconds = 30.0
    """From the beginning of a connection, or of a later request, to the end of the request's head."""
    _has_begun = False
    _in_head = True
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_LIMIT:
            self.send_400_response(f"the lines before the body are larger than {HEAD_LIMIT} bytes")

    def on_message_begin(self) -> None:
        self._has_begun = True
        self._begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse and hang up; into an answer that is on its way nothing is written."""
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            body = msgspec.json.encode([ErrorItem("badRequest", _NO_HTTP if msg == _NO_REQUEST else msg)])
            head = (
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

    def _begin_head(self) -> None:
        self._end_head()
        self._in_head, self._head_bytes = True, 0
        self._timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _end_head(self) -> None:
        self._in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if not self._has_begun:
            self.transport.close()
            return
        self.send_400_response(f"the lines before the body took longer than {self.head_seconds:g} s")
