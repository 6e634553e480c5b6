"""What is downloaded is seen whole or not at all."""

import hashlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tidemill.cli import saving
from tidemill.errors import Internal, Unavailable

DATA = b"0123456789"


async def flow(*, is_cut: bool = False) -> AsyncIterator[bytes]:
    yield DATA[:5]
    if is_cut:
        raise Unavailable("the answer was cut")
    yield DATA[5:]


def save(content: AsyncIterator[bytes], to: str, *, sha256: str = "") -> None:
    anyio.run(lambda: saving.save(content, to, sha256=sha256))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_a_file_is_written(target: Path) -> None:
    """New with the usual rights, or in place of another with those that this had."""
    save(flow(), str(target), sha256=hashlib.sha256(DATA).hexdigest())
    assert target.read_bytes() == DATA
    usual = target.with_name("usual")
    usual.touch()
    assert target.stat().st_mode == usual.stat().st_mode
    target.write_text("old")
    target.chmod(0o750)
    save(flow(), str(target))
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (DATA, 0o750)


@pytest.mark.parametrize("was", [None, "old"])
def test_what_is_cut_or_damaged_leaves_nothing(target: Path, was: str | None) -> None:
    """And what was there before is there still."""
    if was is not None:
        target.write_text(was)
    with pytest.raises(Unavailable):
        save(flow(is_cut=True), str(target))
    with pytest.raises(Internal, match="another than was recorded"):
        save(flow(), str(target), sha256="0" * 64)
    assert [path.name for path in target.parent.iterdir()] == ([] if was is None else ["file"])
    assert was is None or target.read_text() == was


def test_a_link_stays_one(target: Path) -> None:
    """What it leads to is written."""
    target.symlink_to("other")
    save(flow(), str(target))
    assert target.is_symlink()
    assert target.with_name("other").read_bytes() == DATA


def test_a_pipe_is_written_to_as_it_comes(target: Path) -> None:
    """It is no file that could be replaced."""
    os.mkfifo(target)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(target.read_bytes()))
    reader.start()
    save(flow(), str(target))
    reader.join(10)
    assert read == [DATA]
    assert target.is_fifo()


def test_a_directory_is_no_file(target: Path) -> None:
    """That is said before anything is written."""
    target.mkdir()
    with pytest.raises(IsADirectoryError, match="name a file"):
        save(flow(), str(target))
    assert not list(target.iterdir())
