"""Repositories that are pushed to are packed, and locks of the dead do not stand for ever."""

import os
from pathlib import Path

import pytest

from tests.services.gitserver.hosting import Hosting

pytestmark = pytest.mark.anyio

HOUR = 3600


async def pack(hosting: Hosting) -> None:
    """One turn of the loop that packs."""
    await hosting.loop("packing").work()


def loose(repository: Path) -> tuple[int, int]:
    """How many files hold a ref each, and how many an object each."""
    refs = [path for path in repository.glob("refs/**/*") if path.is_file()]
    return len(refs), len(list(repository.glob("objects/??/*")))


async def test_what_was_pushed_is_packed(hosting: Hosting) -> None:
    """Refs and objects are in packs afterwards; all are still there, also those that no branch has any more."""
    user = await hosting.user()
    lost = await user.commit("lost")
    await user.git("push", "-q", "origin", *(f"HEAD:refs/heads/b{i}" for i in range(20)))
    await user.git("commit", "-q", "--amend", "-m", "another")
    await user.git("push", "-q", "-f", "origin", *(f"HEAD:refs/heads/b{i}" for i in range(20)))
    (repository,) = hosting.directory.glob("**/p-hello.git")
    assert loose(repository)[0] == 20
    before = await user.git("ls-remote", "origin")
    await pack(hosting)
    await pack(hosting)
    refs, _ = loose(repository)
    assert refs == 0
    assert await user.git("ls-remote", "origin") == before
    assert await user.git("-C", str(repository), "cat-file", "-t", lost) == "commit"


async def test_objects_are_packed(hosting: Hosting) -> None:
    """Loose ones go into a pack, and are removed once it is there."""
    user = await hosting.user()
    for number in range(3):
        await user.commit(f"file{number}", f"{number}\n")
        await user.git("push", "-q", "origin", "main")
        await pack(hosting)
    (repository,) = hosting.directory.glob("**/p-hello.git")
    assert list(repository.glob("objects/pack/*.pack"))
    assert await user.git("-C", str(repository), "fsck", "--strict") == ""
    await user.git("clone", "-q", user.url, str(user.directory.parent / "again"))


async def test_the_lock_of_a_dead_git_is_removed(hosting: Hosting) -> None:
    """One that is an hour old keeps nobody from its branch; a younger one is another's."""
    user = await hosting.user()
    await user.commit("one")
    await user.git("push", "-q", "origin", "main")
    (ref,) = hosting.directory.glob("**/refs/heads/main")
    stale, fresh = ref.with_name("main.lock"), ref.with_name("topic.lock")
    for lock in (stale, fresh):
        lock.touch()
    hour_ago = stale.stat().st_mtime - HOUR - 1
    os.utime(stale, (hour_ago, hour_ago))
    await user.commit("two")
    assert "main.lock" in await user.git("push", "origin", "main", ok=False)
    await pack(hosting)
    assert not stale.exists()
    assert fresh.exists()
    await user.git("push", "-q", "origin", "main")
