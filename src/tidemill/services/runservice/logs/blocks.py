"""The form of a log that is put away: independent compressed blocks, and where lines begin among them.

Every block but the last holds the same number of plain bytes, so that any offset is found by division;
each is compressed alone, so that reading the end of a log reads its end.
"""

import zlib
from collections.abc import AsyncIterator

import msgspec
from anyio import to_thread

#: Plain bytes of a block.
BLOCK = 256 * 1024
#: Logs are put away while others run: speed counts for more than the last tenth of size.
_LEVEL = 1


class BlockIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of each block in turn: its compressed size, and the newlines in it."""

    sizes: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    block: int = BLOCK

    def place(self, offset: int) -> tuple[int, int]:
        """The block that holds *offset*, and where it begins in the object."""
        number = offset // self.block
        return number, sum(self.sizes[:number])


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

    @property
    def index(self) -> BlockIndex:
        return BlockIndex(sizes=tuple(self._sizes), lines=tuple(self._lines))

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
        self._lines.append(plain.count(b"\n"))
        return compressed


async def plain(index: BlockIndex, offset: int, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The plain bytes from *offset* on; *source* begins where `place` says."""
    number, _ = index.place(offset)
    skip = offset - number * index.block
    gathered = bytearray()
    async for data in source:
        gathered += data
        while number < len(index.sizes) and len(gathered) >= index.sizes[number]:
            block = await to_thread.run_sync(zlib.decompress, bytes(gathered[: index.sizes[number]]))
            del gathered[: index.sizes[number]]
            number += 1
            yield block[skip:]
            skip = 0
    if number < len(index.sizes):
        raise EOFError(f"the object ends in block {number} of {len(index.sizes)}")
