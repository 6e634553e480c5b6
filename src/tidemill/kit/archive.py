"""Archives on their way: compressed and plain again in constant memory, and known by a checksum."""

import hashlib
from collections.abc import AsyncIterator

import zstandard
from anyio import to_thread

LEVEL = 3
LARGEST_WINDOW = 128 << 20
"""Bytes of memory that a stream may ask its reader to keep."""
LARGEST = 256 << 30
"""Bytes that an archive may become when it is unpacked."""

#: A byte can become thousands: so few are taken at once, and what they become is handed on soon.
_BITE = 2 << 10
_MOUTHFUL = 4 << 20


class Damaged(Exception):
    """An archive is not what was kept; the message says what is wrong with it."""


class Digest:
    """Size and SHA-256 of what has passed through."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        return self._hash.hexdigest()

    async def of(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same *chunks*, counted."""
        async for chunk in chunks:
            self.size += len(chunk)
            self._hash.update(chunk)
            yield chunk


async def compressed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """*chunks* as one frame of zstd."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    async for chunk in chunks:
        if piece := await to_thread.run_sync(compressor.compress, chunk):
            yield piece
    yield await to_thread.run_sync(compressor.flush)


async def plain(
    chunks: AsyncIterator[bytes], *, sha256: str = "", largest: int = LARGEST
) -> AsyncIterator[bytes]:
    """What was compressed; raises `Damaged` when it is cut, changed (by its *sha256*) or too large.

    That may be found out only at the end: nothing of it is to be used before.
    """
    digest = Digest()
    expansion = _Expansion(largest)
    async for chunk in digest.of(chunks):
        expansion.take(chunk)
        while piece := await to_thread.run_sync(expansion.mouthful):
            yield piece
    expansion.end()
    if sha256 and digest.sha256 != sha256:
        raise Damaged("the archive is damaged: its checksum is another")


class _Expansion:
    """A frame on its way out of zstd, a mouthful at a time."""

    def __init__(self, largest: int) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()
        self._left = largest
        self._rest = memoryview(b"")

    def take(self, chunk: bytes) -> None:
        self._rest = memoryview(chunk)

    def mouthful(self) -> bytes:
        """The next bytes; none when another chunk is needed."""
        pieces, size = [], 0
        while self._rest and size < _MOUTHFUL:
            bite, self._rest = self._rest[:_BITE], self._rest[_BITE:]
            pieces.append(self._expanded(bite))
            size += len(pieces[-1])
        self._left -= size
        if self._left < 0:
            raise Damaged("the archive becomes larger than is allowed")
        return b"".join(pieces)

    def end(self) -> None:
        if not self._frame.eof:
            raise Damaged("the archive is damaged: it is cut off")

    def _expanded(self, bite: memoryview) -> bytes:
        if self._frame.eof:
            raise Damaged("the archive is damaged: there is something behind its end")
        try:
            piece = self._frame.decompress(bite)
        except zstandard.ZstdError as error:
            raise Damaged(f"the archive is damaged: {error}") from error
        if self._frame.unused_data:
            raise Damaged("the archive is damaged: there is something behind its end")
        return piece
