"""Archives on their way: the same bytes come back, and whatever is wrong with them is noticed."""

import hashlib
import os
from collections.abc import AsyncIterator

import pytest
import zstandard

from tidemill.kit.archive import Damaged, Digest, compressed, plain

pytestmark = pytest.mark.anyio

DATA = os.urandom(300_000) + b"x" * 3_000_000


async def chunks(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def whole(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("data", [b"", b"x", DATA], ids=["empty", "one byte", "large"])
@pytest.mark.parametrize("size", [1_000, 1_000_000])
async def test_the_same_bytes_come_back(data: bytes, size: int) -> None:
    """However they are cut into chunks."""
    small = await whole(compressed(chunks(data, size)))
    digest = hashlib.sha256(small).hexdigest()
    assert await whole(plain(chunks(small, size), sha256=digest)) == data
    assert len(small) < 400_000


async def test_a_digest_counts_what_passes() -> None:
    """Size and checksum of all of it."""
    digest = Digest()
    assert await whole(digest.of(chunks(DATA))) == DATA
    assert (digest.size, digest.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())


@pytest.mark.parametrize("at", [0, 5, 1000, -1])
async def test_a_cut_archive_is_damaged(at: int) -> None:
    """Wherever it is cut."""
    small = await whole(compressed(chunks(DATA)))
    with pytest.raises(Damaged, match="cut off"):
        await whole(plain(chunks(small[:at])))


async def test_a_changed_archive_is_damaged() -> None:
    """By its own checksum, by the one that was kept, by what stands behind it."""
    small = await whole(compressed(chunks(DATA)))
    changed = small[:200_000] + bytes([small[200_000] ^ 1]) + small[200_001:]
    with pytest.raises(Damaged, match="is damaged"):
        await whole(plain(chunks(changed)))
    with pytest.raises(Damaged, match="checksum"):
        await whole(plain(chunks(small), sha256="0" * 64))
    with pytest.raises(Damaged, match="behind its end"):
        await whole(plain(chunks(small + b"x")))
    with pytest.raises(Damaged, match="behind its end"):
        await whole(plain(chunks(small + small, 1_000_000)))
    with pytest.raises(Damaged, match="is damaged"):
        await whole(plain(chunks(b"no archive at all")))


async def test_a_bomb_does_not_go_off() -> None:
    """A few bytes that become many are handed on bit by bit, and not beyond the limit."""
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(400_000_000))
    assert len(bomb) < 40_000
    sizes = [len(chunk) async for chunk in plain(chunks(bomb))]
    assert sum(sizes) == 400_000_000
    assert max(sizes) < 100_000_000
    with pytest.raises(Damaged, match="larger than is allowed"):
        await whole(plain(chunks(bomb), largest=399_999_999))


async def test_an_archive_that_wants_much_memory_is_refused() -> None:
    """Its window is bounded."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=28)
    small = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(300 << 20))
    with pytest.raises(Damaged, match="is damaged"):
        await whole(plain(chunks(small)))
