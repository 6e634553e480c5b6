"""Event streams (WHATWG HTML, section 9.2): messages with ids, written and read, however they are cut.

A message that holds nothing but an id moves its reader's position and is told to nobody: it is what a
stream begins with, and what keeps it alive, so that a reader always knows where to go on.
"""

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from tidemill.kit.streams import closing

#: The content type.
EVENT_STREAM = "text/event-stream"

_BOM = b"\xef\xbb\xbf"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream tells: *event* names its kind; *id* is where to go on behind it."""

    id: str
    event: str
    data: str


def message(id: str, event: str, data: bytes) -> bytes:
    """A message with one line of *data*."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (id.encode(), event.encode(), data)


def position(id: str) -> bytes:
    """Where the stream is, without telling anything."""
    return b"id: %b\n\n" % id.encode()


class Parser:
    """Reads one stream. *last_id* is where another stream is to go on when this one breaks."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._rest = b""
        self._is_first = True
        self._after_cr = False
        self._id = last_id
        self._event = ""
        self._data: list[str] = []

    @property
    def is_between(self) -> bool:
        """No message has begun that is not complete."""
        return not (self._rest or self._data or self._event)

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that *chunk* completes; what is not complete when a stream ends was never told."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = (self._line(line) for line in lines)
        return [told for told in found if told is not None]

    def _line(self, line: bytes) -> Message | None:
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode(errors="replace")
        match name:
            case b"id" if "\0" not in text:
                self._id = text
            case b"event":
                self._event = text
            case b"data":
                self._data.append(text)
        return None

    def _dispatch(self) -> Message | None:
        self.last_id = self._id
        event, data = self._event, self._data
        self._event, self._data = "", []
        if not data:
            return None
        return Message(id=self._id, event=event or "message", data="\n".join(data))


async def messages(chunks: AsyncIterator[bytes], parser: Parser | None = None) -> AsyncGenerator[Message]:
    """What a stream tells; *parser* keeps its last id, also when the stream breaks."""
    parser = parser or Parser()
    async with closing(chunks):
        async for chunk in chunks:
            for told in parser.feed(chunk):
                yield told
