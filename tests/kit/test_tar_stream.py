"""Tar streams: read as they arrive, however they are cut, and never believed."""

import io
import tarfile
from collections.abc import AsyncIterator

import pytest

from tidemill.kit.archive import Damaged
from tidemill.kit.tar_stream import END, Entry, entries, header, padding

pytestmark = pytest.mark.anyio

LONG = "d/" * 90 + "ü" * 100


def archive(*files: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in files:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def info(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(made, key, value)
    return made


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(data: bytes, size: int = 1 << 20) -> list[tuple[Entry, bytes]]:
    found: list[tuple[Entry, bytes]] = []
    async for piece in entries(cut(data, size)):
        if isinstance(piece, Entry):
            found.append((piece, b""))
        else:
            found[-1] = found[-1][0], found[-1][1] + piece
    return found


WHOLE = archive(
    (info("a", mode=0o755), b"hello"),
    (info("dir", type=tarfile.DIRTYPE), b""),
    (info(LONG), b"x" * 1024),
    (info("link", type=tarfile.SYMTYPE, linkname="a"), b""),
    (info("again", type=tarfile.LNKTYPE, linkname="a"), b""),
    (info("raw\udcff"), b""),
)


@pytest.mark.parametrize("size", [1, 7, 512, 1000, 1 << 20])
async def test_entries_come_out_however_the_stream_is_cut(size: int) -> None:
    """Names, kinds, modes, contents; what is no UTF-8 can be told apart."""
    found = await read(WHOLE, size)
    assert [(entry.name, entry.kind, entry.target, content) for entry, content in found] == [
        ("a", "file", "", b"hello"),
        ("dir", "directory", "", b""),
        (LONG, "file", "", b"x" * 1024),
        ("link", "link", "a", b""),
        ("again", "second name", "a", b""),
        ("raw\udcff", "file", "", b""),
    ]
    assert found[0][0].mode == 0o755


async def test_what_is_written_is_read() -> None:
    """By us and by everybody else."""
    data = header(LONG, 5, 0o644, 1e9) + b"hello" + padding(5) + END
    ((entry, content),) = await read(data)
    assert (entry.name, content) == (LONG, b"hello")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == [LONG]


@pytest.mark.parametrize("kept", [0, 100, 512, 1000, len(WHOLE) - 10_240])
async def test_a_cut_stream_is_damaged(kept: int) -> None:
    """Wherever it ends too early."""
    with pytest.raises(Damaged):
        await read(WHOLE[:kept])


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 1024,
        archive((info("d", type=tarfile.CHRTYPE), b"")),
        info("f", type=tarfile.LNKTYPE, linkname="a", size=512).tobuf(tarfile.PAX_FORMAT) + bytes(2048),
        info("f", size=-1).tobuf(tarfile.GNU_FORMAT) + bytes(2048),
        info("x", type=tarfile.XHDTYPE, size=1 << 40).tobuf(tarfile.GNU_FORMAT) + bytes(2048),
        info("x", type=tarfile.XHDTYPE, size=9).tobuf(tarfile.GNU_FORMAT) + b"999 a=bbb".ljust(512, b"\0"),
        info("x", type=tarfile.XHDTYPE, size=9).tobuf(tarfile.GNU_FORMAT)
        + b"9 ab=bbb\n".ljust(512, b"\0")
        + info("x", type=tarfile.XHDTYPE, size=9).tobuf(tarfile.GNU_FORMAT)
        + b"\xff\xff".ljust(512, b"\0"),
    ],
)
async def test_hostile_streams_are_damaged(data: bytes) -> None:
    """Devices, impossible sizes, headers that lie."""
    with pytest.raises(Damaged):
        await read(data)
