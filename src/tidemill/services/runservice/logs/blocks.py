"""The form of a log that is put away: independent compressed blocks, and what is where among them.

Every block but the last holds the same number of plain bytes, so that any offset is found by division;
each is compressed alone, so that reading the end of a log reads its end.
"""

import zlib
from collections.abc import AsyncIterator, Sequence

import msgspec
from anyio import to_thread

from tidemill.core.logs.groups import Group, Scanner
from tidemill.core.logs.lines import NEWLINE
from tidemill.core.logs.marks import MOST_OF_LOG, Mark, thinned

#: Plain bytes of a block.
BLOCK = 256 * 1024
#: Logs are put away while others run: speed counts for more than the last tenth of size.
_LEVEL = 1


class BlockIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of each block in turn, its compressed size and the newlines in it; and of the log."""

    sizes: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    block: int = BLOCK
    marks: tuple[Mark, ...] = ()
    """When its bytes were printed; none in an index from before that was kept."""
    groups: tuple[Group, ...] | None = None
    """None in an index from before they were looked for."""

    def stored(self, start: int, end: int) -> tuple[int, int]:
        """Where in the object the blocks are that hold what stands from *start* to *end*."""
        first, last = start // self.block, -(-end // self.block)
        return sum(self.sizes[:first]), sum(self.sizes[:last])


_index = msgspec.json.Decoder(BlockIndex)


def encode_index(index: BlockIndex) -> bytes:
    """The index as it is stored."""
    return msgspec.json.encode(index)


def decode_index(stored: bytes) -> BlockIndex:
    """The index that is stored so."""
    return _index.decode(stored)


class Compressor:
    """Turns a log into blocks; when its stream is through it knows their index."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self.length = 0
        """Plain bytes that went in."""
        self._source = source
        self._sizes: list[int] = []
        self._lines: list[int] = []
        self._scanner = Scanner()

    def index(self, marks: Sequence[Mark]) -> BlockIndex:
        """The index of the whole, of which that is known."""
        self._scanner.conclude()
        return BlockIndex(
            sizes=tuple(self._sizes),
            lines=tuple(self._lines),
            marks=thinned(marks, MOST_OF_LOG),
            groups=self._scanner.groups(),
        )

    async def blocks(self) -> AsyncIterator[bytes]:
        """The compressed blocks, one after the other."""
        gathered = bytearray()
        async for data in self._source:
            gathered += data
            while len(gathered) >= BLOCK:
                yield await self._block(bytes(gathered[:BLOCK]))
                del gathered[:BLOCK]
        if gathered:
            yield await self._block(bytes(gathered))

    async def _block(self, plain: bytes) -> bytes:
        compressed = await to_thread.run_sync(zlib.compress, plain, _LEVEL)
        self.length += len(plain)
        self._sizes.append(len(compressed))
        self._lines.append(plain.count(NEWLINE))
        self._scanner.feed(plain)
        return compressed


async def plain(
    index: BlockIndex, start: int, end: int, source: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The plain bytes from *start* on, at least to *end*; *source* is what `stored` says."""
    number, last = start // index.block, min(-(-end // index.block), len(index.sizes))
    skip = start - number * index.block
    gathered = bytearray()
    async for data in source:
        gathered += data
        while number < last and len(gathered) >= index.sizes[number]:
            block = await to_thread.run_sync(zlib.decompress, bytes(gathered[: index.sizes[number]]))
            del gathered[: index.sizes[number]]
            number += 1
            yield block[skip:]
            skip = 0
    if number < last:
        raise EOFError(f"the object ends in block {number} of {len(index.sizes)}")
