"""A working tree as a source: what is a file of it, and what is not."""

import os
from pathlib import Path

import pytest

from tidemill.errors import BadRequest, TooLarge
from tidemill.planning.tree import MOST_BYTES, WorkingTree

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with one file, and another file beside the tree."""
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "tree/sub/a").write_text("a")
    (tmp_path / "outside").write_text("secret")
    return tmp_path / "tree"


async def test_files_are_read_and_absent_ones_left_out(root: Path) -> None:
    """Only those that exist are answered."""
    assert await WorkingTree(root).files(["sub/a", "sub/b", "none/b", "sub/a/b"]) == {"sub/a": b"a"}


async def test_links_inside_are_followed(root: Path) -> None:
    """To files and through directories."""
    (root / "link").symlink_to("sub/a")
    (root / "folder").symlink_to("sub")
    found = await WorkingTree(root).files(["link", "folder/a"])
    assert found == {"link": b"a", "folder/a": b"a"}


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("out", "../outside"),
        ("absolute", "/etc/passwd"),
        ("parent", ".."),
        ("dead", "none"),
        ("circle", "circle"),
    ],
)
async def test_links_that_lead_nowhere_or_out_are_no_files(root: Path, name: str, to: str) -> None:
    """Nor is what lies behind them."""
    (root / name).symlink_to(to)
    assert await WorkingTree(root).files([name, f"{name}/outside"]) == {}


@pytest.mark.parametrize(
    "path", ["../outside", "sub/../../outside", "/etc/passwd", "a\0b", "x" * 5000, "", "sub"]
)
async def test_paths_that_are_none_of_the_tree(root: Path, path: str) -> None:
    """Whatever is asked for, nothing outside is read, and nothing fails."""
    assert await WorkingTree(root).files([path]) == {}


async def test_what_git_keeps_is_no_file_of_the_tree(root: Path) -> None:
    """It is in no commit, and may hold credentials."""
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("[http]\n")
    (root / "link").symlink_to(".git/config")
    assert await WorkingTree(root).files([".git/config", "link"]) == {}


async def test_what_is_no_regular_file_is_not_waited_for(root: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(root / "pipe")
    assert await WorkingTree(root).files(["pipe"]) == {}


async def test_a_file_beyond_the_limit_is_refused(root: Path) -> None:
    """One byte more is too much; the limit itself is not."""
    (root / "big").write_bytes(b"x" * MOST_BYTES)
    assert len((await WorkingTree(root).files(["big"]))["big"]) == MOST_BYTES
    (root / "big").write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(TooLarge, match="big has more than"):
        await WorkingTree(root).files(["big"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
async def test_a_file_that_cannot_be_read_is_not_absent(root: Path) -> None:
    """It is said why."""
    (root / "sub/a").chmod(0)
    with pytest.raises(BadRequest, match="Permission denied"):
        await WorkingTree(root).files(["sub/a"])


async def test_changes_are_what_somebody_said(root: Path) -> None:
    """None when nobody did."""
    assert await WorkingTree(root).changed() is None
    assert await WorkingTree(root, ["a"]).changed() == ("a",)
