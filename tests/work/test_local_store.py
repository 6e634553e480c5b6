"""A store in a directory: whole archives or none."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidemill.contracts.jobs import Archive
from tidemill.core.plan import Depend, Plan, PlanTask
from tidemill.errors import NotFound
from tidemill.work.local_store import LocalStore

pytestmark = pytest.mark.anyio

PLAN = Plan(
    name="run",
    tasks=(PlanTask(name="test (os=a/b)"), PlanTask(name="b", depends=(Depend(task="test (os=a/b)"),))),
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(
        PLAN,
        "test (os=a/b)",
        run=tmp_path / "run",
        caches=tmp_path / "caches",
        artifacts=tmp_path / "artifacts",
    )


@pytest.fixture
def next_store(tmp_path: Path) -> LocalStore:
    return LocalStore(
        PLAN, "b", run=tmp_path / "run", caches=tmp_path / "caches", artifacts=tmp_path / "artifacts"
    )


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def content(store: LocalStore, archive: Archive) -> bytes:
    return b"".join([block async for block in await store.read(archive)])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_step_keeps_one_archive(store: LocalStore, next_store: LocalStore) -> None:
    """Keeping again replaces it; steps are told in their order."""
    await store.save_workspace(10, once(b"ten"))
    await store.save_workspace(2, once(b"old"))
    await store.save_workspace(2, once(b"two"))
    kept = await next_store.workspaces()
    assert [(one.task, one.step, one.size) for one in kept] == [
        ("test (os=a/b)", 2, 3),
        ("test (os=a/b)", 10, 3),
    ]
    assert [await content(next_store, one) for one in kept] == [b"two", b"ten"]
    assert await store.workspaces() == ()


async def test_what_breaks_off_is_not_kept(store: LocalStore, next_store: LocalStore, tmp_path: Path) -> None:
    """Not even a part of it."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError):
        await store.save_workspace(1, broken())
    assert await next_store.workspaces() == ()
    assert files(tmp_path) == []


async def test_a_cache_stays_as_it_was_first_saved(store: LocalStore) -> None:
    """Keys are immutable."""
    await store.save_cache("k", once(b"first"))
    kept = await store.save_cache("k", once(b"second"))
    assert await content(store, kept) == b"first"


async def test_of_two_at_once_the_first_cache_stays(store: LocalStore) -> None:
    """Two commands may share the directory: both go on with what was kept first."""

    async def slower() -> AsyncIterator[bytes]:
        await store.save_cache("k", once(b"faster"))
        yield b"slower"

    kept = await store.save_cache("k", slower())
    assert await content(store, kept) == b"faster"


async def test_a_cache_that_is_only_begun_is_none(store: LocalStore, tmp_path: Path) -> None:
    """A killed command's beginning is not found, and is removed after a day."""
    await store.save_cache("k-1", once(b"whole"))
    (whole,) = (tmp_path / "caches").iterdir()
    begun = tmp_path / "caches/.begun"
    shutil.copytree(whole, begun)
    found = await store.find_cache("k-")
    assert found is not None
    shutil.rmtree(whole)
    assert await store.find_cache("k-") is None
    os.utime(begun, (0, 0))
    await store.save_cache("other", once(b""))
    assert not begun.exists()


async def test_what_is_gone_is_not_there(store: LocalStore) -> None:
    """Whoever has removed it."""
    with pytest.raises(NotFound):
        await store.read(Archive(id="/nonexistent"))
