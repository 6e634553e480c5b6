"""The object store, on local files and through obstore: one suite for every store."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidemill.errors import BadRequest, NotFound, Unavailable
from tidemill.kit.objects import Objects

pytestmark = pytest.mark.anyio

BLOCK = b"0123456789abcdef" * 4096


@pytest.fixture(params=["file", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return Objects.open((tmp_path / "store").as_uri() if request.param == "file" else "memory:///")


async def content(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def in_blocks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield BLOCK


@pytest.mark.parametrize("data", [b"", b"x", BLOCK * 40], ids=["empty", "byte", "large"])
async def test_what_is_put_is_got(objects: Objects, data: bytes) -> None:
    """Bytes come back as they were put, and put again replaces them."""
    await objects.put("a/b.log", b"before")
    await objects.put("a/b.log", data)
    assert await content(await objects.get("a/b.log")) == data
    assert await objects.size("a/b.log") == len(data)


async def test_a_stream_is_put_whole(objects: Objects) -> None:
    """A stream is stored as one object."""
    await objects.put("streamed", in_blocks(50))
    assert await content(await objects.get("streamed")) == BLOCK * 50


async def test_a_stream_that_breaks_leaves_nothing(objects: Objects) -> None:
    """The error of whoever produces the bytes comes through unchanged, and no object appears."""

    async def breaking() -> AsyncIterator[bytes]:
        yield BLOCK
        raise FileNotFoundError("the source is gone")

    with pytest.raises(FileNotFoundError, match="the source is gone"):
        await objects.put("broken", breaking())
    with pytest.raises(NotFound):
        await objects.size("broken")
    assert [name async for name in objects.list()] == []


async def test_new_means_new(objects: Objects) -> None:
    """Only the first of two conditional puts stores anything."""
    assert await objects.put_new("once/only", b"first")
    assert not await objects.put_new("once/only", b"second")
    assert await content(await objects.get("once/only")) == b"first"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 5, b"34"),
        (8, 99, b"89"),
        (10, None, b""),
        (99, None, b""),
        (5, 5, b""),
        (6, 2, b""),
    ],
)
async def test_ranges(objects: Objects, start: int, end: int | None, expected: bytes) -> None:
    """A range is what lies between start and end, whatever of it exists."""
    await objects.put("digits", b"0123456789")
    assert await content(await objects.get("digits", start, end)) == expected


async def test_what_is_missing_is_not_found_before_the_first_byte(objects: Objects) -> None:
    """Reading a missing object fails at once, removing it is harmless."""
    with pytest.raises(NotFound) as failed:
        await objects.get("nothing", 5)
    assert failed.value.code == "objectDoesNotExist"
    await objects.delete("nothing")


async def test_deleted_objects_are_gone(objects: Objects) -> None:
    """After delete the name is free again."""
    await objects.put("a", b"1")
    await objects.delete("a")
    assert await objects.put_new("a", b"2")


async def test_listing_a_folder(objects: Objects) -> None:
    """A folder lists what is under it at any depth, not its neighbours and nothing half-written."""
    for name in ("a/1", "a/b/2", "ab/3", "4"):
        await objects.put(name, b"")
    assert sorted([name async for name in objects.list("a")]) == ["a/1", "a/b/2"]
    assert sorted([name async for name in objects.list()]) == ["4", "a/1", "a/b/2", "ab/3"]
    assert [name async for name in objects.list("none")] == []


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "ä", "a b", "a\0", "a%2Fb", ".staging/x", "x" * 513],
)
async def test_names_are_ours(objects: Objects, name: str) -> None:
    """A name that could leave the store, or that stores read differently, is refused."""
    with pytest.raises(BadRequest):
        await objects.put(name, b"")
    with pytest.raises(BadRequest):
        await objects.get(name)


async def test_streams_take_constant_memory(tmp_path: Path) -> None:
    """64 MiB pass through a local store with a few MiB of memory."""
    objects = Objects.open(tmp_path.as_uri())
    tracemalloc.start()
    try:
        await objects.put("large", in_blocks(1024))
        total = 0
        async for chunk in await objects.get("large"):
            total += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 1024 * len(BLOCK)
    assert peak < 8 * 1024 * 1024


async def test_a_reader_keeps_what_it_opened(tmp_path: Path) -> None:
    """Replacing a local object while it is read does not mix the two."""
    objects = Objects.open(tmp_path.as_uri())
    await objects.put("a", b"x" * 3_000_000)
    chunks = await objects.get("a")
    first = await anext(chunks)
    await objects.put("a", b"y" * 3_000_000)
    assert set(first + await content(chunks)) == {ord("x")}


async def test_a_store_that_is_in_the_way_is_unavailable(tmp_path: Path) -> None:
    """A name below an existing object cannot be stored in files, and the error says so."""
    objects = Objects.open(tmp_path.as_uri())
    await objects.put("a", b"")
    with pytest.raises(Unavailable, match="a/b"):
        await objects.put("a/b", b"")


@pytest.mark.parametrize("url", ["nowhere://x", "file:///proc/nothing", "", "s3:"])
def test_an_address_that_is_no_store_is_refused(url: str) -> None:
    """Opening says at once what is wrong with the address."""
    with pytest.raises(BadRequest, match="store"):
        Objects.open(url)


async def test_objects_are_found_by_their_age(objects: Objects) -> None:
    """Those below a folder that were written before a moment."""
    for name in ("a/old", "b/old"):
        await objects.put(name, b"x")
    now = datetime.now(UTC)
    assert [name async for name in objects.older("a", now - timedelta(hours=1))] == []
    assert [name async for name in objects.older("a", now + timedelta(hours=1))] == ["a/old"]
    assert [name async for name in objects.older("none", now + timedelta(hours=1))] == []


UPLOAD = """
import sys, time
import anyio
from tidemill.kit.objects import Objects

async def main():
    async def endless():
        while True:
            yield bytes(1 << 20)
            print("more", flush=True)
            await anyio.sleep(0.01)
    await Objects.open(sys.argv[1]).put("archives/x", endless())

anyio.run(main)
"""


def killed_upload(store: Path) -> None:
    """Kill a process that is storing an object."""
    upload = subprocess.Popen([sys.executable, "-c", UPLOAD, store.as_uri()], stdout=subprocess.PIPE)
    assert upload.stdout
    while not [path for path in store.rglob("*#1") if path.stat().st_size]:
        assert upload.stdout.readline() == b"more\n"
    upload.kill()
    upload.wait(30)
    upload.stdout.close()


async def test_what_a_killed_upload_leaves_is_cleared_away(tmp_path: Path) -> None:
    """Once it has not grown for a day: what is being written stays."""
    store = tmp_path / "store"
    killed_upload(store)
    objects = Objects.open(store.as_uri())
    (left,) = store.rglob("*#1")
    await objects.clear_aside()
    assert left.exists()
    a_day_ago = left.stat().st_mtime - 86_401
    os.utime(left, (a_day_ago, a_day_ago))
    await objects.clear_aside()
    assert not left.exists()
    assert [name async for name in objects.list()] == []
