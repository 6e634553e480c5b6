"""One HTTP request of a git client and its answer, streamed both ways in constant memory."""

import base64
import binascii
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from tidemill.errors import BadRequest, Unauthorized, Unavailable

#: Seconds without a byte in either direction after which a request is ended.
PATIENCE = 300.0
_BLOCK = 64 * 1024
_LARGE = 1024 * 1024

_PROTOCOL = re.compile(r"[\w=:.,/+-]{1,200}", re.ASCII)
_NO_CACHE = (
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
)


def standstill() -> Unavailable:
    """What to say to a client that could still hear it."""
    return Unavailable(f"nothing moved for {PATIENCE:g} seconds; try again")


class Exchange:
    """The client's side of one request: its body, its answer, and whether it is still there."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.headers = Headers(scope=scope)
        self.query = QueryParams(scope["query_string"])
        self.is_started = False
        self.is_finished = False
        self._is_body_read = False
        self.content_type = b"text/plain; charset=utf-8"
        self._receive = receive
        self._send = send
        self._deadline = anyio.CancelScope()

    @contextmanager
    def patience(self) -> Iterator[anyio.CancelScope]:
        """A scope that is cancelled when nothing has moved for `PATIENCE` seconds."""
        with anyio.CancelScope() as self._deadline:
            self._moved()
            yield self._deadline

    def _moved(self) -> None:
        self._deadline.deadline = anyio.current_time() + PATIENCE

    @property
    def protocol(self) -> str:
        """What the client says in Git-Protocol, if it is something that git could mean."""
        said = self.headers.get("git-protocol", "")
        return said if _PROTOCOL.fullmatch(said) else ""

    @property
    def is_large(self) -> bool:
        """Whether the body is more than a megabyte: git sends such a one without saying its length."""
        length = self.headers.get("content-length", "")
        return not length.isdigit() or int(length) > _LARGE

    def credentials(self) -> tuple[str, str]:
        """User name and password of HTTP basic authentication; two empty ones where there are none."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if not scheme:
            return "", ""
        try:
            decoded = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            decoded = ""
        name, colon, password = decoded.partition(":")
        if scheme.lower() != "basic" or not colon:
            raise Unauthorized("the Authorization header is not of HTTP basic authentication")
        return name, password

    def body(self) -> AsyncIterator[bytes]:
        """The body as the client meant it: decompressed. ClientDisconnect when it is cut short."""
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding == "identity":
            return self._raw_body()
        if encoding in ("gzip", "x-gzip"):
            return _inflated(self._raw_body())
        raise BadRequest(f"a body in content encoding {encoding!r} cannot be read; send it plain or gzip")

    async def _raw_body(self) -> AsyncIterator[bytes]:
        while not self._is_body_read:
            message = await self._receive()
            self._moved()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._is_body_read = not message.get("more_body", False)
            if block := message.get("body", b""):
                yield block

    async def left(self) -> None:
        """Wait until the client has gone away, or has its whole answer."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def write(self, block: bytes) -> None:
        """Send a part of the answer; the first one begins it with status 200 and `content_type`."""
        if not block or self.is_finished:
            return
        if not self.is_started:
            await self._start(200, self.content_type)
        await self._send({"type": "http.response.body", "body": block, "more_body": True})
        self._moved()

    async def finish(self, block: bytes = b"") -> None:
        """Send the last part of the answer; nothing after a refusal."""
        if self.is_finished:
            return
        if not self.is_started:
            await self._start(200, self.content_type, (b"content-length", b"%d" % len(block)))
        self.is_finished = True
        await self._send({"type": "http.response.body", "body": block, "more_body": False})

    async def refuse(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        """Answer with an error; git shows plain text to its user, each line after `remote: `."""
        block = f"{message}\n".encode()
        about = [(b"content-length", b"%d" % len(block))]
        if self.method == "POST" and not self._is_body_read:
            about.append((b"connection", b"close"))  # the rest of the body is not waited for
        await self._start(status, b"text/plain; charset=utf-8", *about, *headers)
        await self.finish(block)

    async def _start(self, status: int, content_type: bytes, *headers: tuple[bytes, bytes]) -> None:
        self.is_started = True
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", content_type), *_NO_CACHE, *headers],
            }
        )


async def _inflated(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What gzip-compressed *blocks* hold, in blocks of bounded size however well they are compressed."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        async for block in blocks:
            left = block
            while left and not inflater.eof:
                if plain := inflater.decompress(left, _BLOCK):
                    yield plain
                left = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise BadRequest("the body is not valid gzip") from error
    if not inflater.eof:
        raise BadRequest("the gzip body is incomplete")
