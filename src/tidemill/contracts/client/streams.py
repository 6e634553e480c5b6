"""What streams tell, one thing at a time: lines of JSON, and messages of event streams."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any, TypeVar, overload

import msgspec

from tidemill.errors import Internal
from tidemill.kit.event_stream import Message, Parser

T = TypeVar("T")

#: Makes of a chunk what it completes.
_Read = Callable[[bytes], list[Any]]


@overload
def records(stream: AsyncIterator[bytes], kind: type[T]) -> AsyncGenerator[T]: ...
@overload
def records(stream: Iterator[bytes], kind: type[T]) -> Generator[T]: ...
def records(stream: AsyncIterator[bytes] | Iterator[bytes], kind: type[Any]) -> Any:
    """What a stream of JSON lines tells, each line as a *kind*; empty lines only keep it alive.

    `async for run in records(await tidemill.runs.follow_project_run(project, "7"), RunResponse)`
    """
    return _read(stream, _Lines(msgspec.json.Decoder(kind).decode).feed)


@overload
def messages(stream: AsyncIterator[bytes], parser: Parser | None = None) -> AsyncGenerator[Message]: ...
@overload
def messages(stream: Iterator[bytes], parser: Parser | None = None) -> Generator[Message]: ...
def messages(stream: AsyncIterator[bytes] | Iterator[bytes], parser: Parser | None = None) -> Any:
    """What an event stream tells; whoever is cut off goes on behind the *id* of the last message.

    A *parser* of one's own knows the last id also of messages that tell nothing.
    """
    return _read(stream, (parser or Parser()).feed)


class _Lines:
    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self._decode = decode
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Any]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        try:
            return [self._decode(line) for line in lines if line.strip()]
        except msgspec.DecodeError as error:
            raise Internal(f"the stream told what is not expected: {error}") from error


def _read(stream: AsyncIterator[bytes] | Iterator[bytes], read: _Read) -> Any:
    return _read_async(stream, read) if isinstance(stream, AsyncIterator) else _read_sync(stream, read)


async def _read_async(stream: AsyncIterator[bytes], read: _Read) -> AsyncGenerator[Any]:
    try:
        async for chunk in stream:
            for told in read(chunk):
                yield told
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _read_sync(stream: Iterator[bytes], read: _Read) -> Generator[Any]:
    try:
        for chunk in stream:
            yield from read(chunk)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
