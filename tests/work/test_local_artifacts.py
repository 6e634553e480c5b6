"""Artifacts without a server have a server's limits: what passes here passes there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidemill.errors import TooLarge
from tidemill.kit.tar_stream import END, header
from tidemill.work import local_artifacts
from tidemill.work.local_artifacts import keep_files

pytestmark = pytest.mark.anyio


async def named(*sizes: int) -> AsyncIterator[bytes]:
    """Files of these sizes, as far as their headers tell; content is there for empty ones alone."""
    for number, size in enumerate(sizes):
        yield header(str(number), size, 0o644, 0)
    yield END


def names_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


async def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was there before stays as it was."""
    monkeypatch.setattr(local_artifacts, "MOST_FILES", 2)
    assert (await keep_files(tmp_path / "kept", named(0, 0))).files == 2
    with pytest.raises(TooLarge, match="2 files at most"):
        await keep_files(tmp_path / "kept", named(0, 0, 0))
    assert names_below(tmp_path) == ["0", "1", "kept"]


async def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    """Before they are written."""
    with pytest.raises(TooLarge, match="bytes at most"):
        await keep_files(tmp_path / "kept", named(0, local_artifacts.LARGEST + 1))
    assert names_below(tmp_path) == []
