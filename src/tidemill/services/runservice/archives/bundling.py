"""Many files as one stream: tar, or zip without compression; each is asked for when its turn comes."""

import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import msgspec

from tidemill.errors import Internal
from tidemill.kit import tar_stream

_FIRST_YEAR, _LAST_YEAR = 1980, 2107
_REGULAR = 0o100000


class Bundled(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a bundle."""

    name: str
    size: int
    mode: int
    created_at: datetime
    content: Callable[[], Awaitable[AsyncIterator[bytes]]]


async def tar(files: AsyncIterator[Bundled]) -> AsyncIterator[bytes]:
    """A tar stream of *files*."""
    async for file in files:
        yield tar_stream.header(file.name, file.size, file.mode, file.created_at.timestamp())
        async for chunk in _whole(file):
            yield chunk
        yield tar_stream.padding(file.size)
    yield tar_stream.END


async def zipped(files: AsyncIterator[Bundled]) -> AsyncIterator[bytes]:
    """A zip stream of *files*."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        async for file in files:
            at = file.created_at
            year = min(max(at.year, _FIRST_YEAR), _LAST_YEAR)
            entry = zipfile.ZipInfo(file.name, (year, at.month, at.day, at.hour, at.minute, at.second))
            entry.external_attr = (_REGULAR | file.mode) << 16
            entry.file_size = file.size
            with archive.open(entry, "w") as member:
                async for chunk in _whole(file):
                    member.write(chunk)
                    yield sink.taken()
    yield sink.taken()


async def _whole(file: Bundled) -> AsyncIterator[bytes]:
    """All of its content: a stream that lacks some of it would be taken for a whole one."""
    size = 0
    async for chunk in await file.content():
        size += len(chunk)
        yield chunk
    if size != file.size:
        raise Internal(f"{file.name!r} has {size} bytes where {file.size} were kept")


class _Sink:
    """What a zip file is written to, and taken from at once."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes, /) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        """As little as that."""

    def taken(self) -> bytes:
        """What was written since."""
        data = bytes(self._held)
        self._held.clear()
        return data
