"""Git's processes and repositories, with the real git."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from tidemill.errors import Internal, TooLarge, Unavailable
from tidemill.kit.git.process import Process
from tidemill.kit.git.reading import MAX_IDLE, ObjectReader
from tidemill.kit.git.repository import Repository
from tidemill.kit.git.running import Git

pytestmark = pytest.mark.anyio

IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Test"), ("EMAIL", "test@example.invalid"))
}
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY}


def git(directory: Path, *arguments: str) -> str:
    """Run the user's own git."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and " Z " not in stat.read_text()


@pytest.fixture
async def repository(tmp_path: Path) -> Repository:
    """A bare repository of ours, empty."""
    repository = Repository(Git(), tmp_path / "store" / "ab" / "one.git")
    await repository.create(staging=tmp_path / "store" / "new" / "1")
    return repository


@pytest.fixture
def work(tmp_path: Path, repository: Repository) -> Path:
    """A work tree whose origin is the repository, with a commit that is not pushed."""
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    git(work, "remote", "add", "origin", str(repository.path))
    (work / "conf").mkdir()
    (work / "conf" / "a.yml").write_text("a: 1\n")
    (work / "link.yml").symlink_to("conf/a.yml")
    (work / "outside.yml").symlink_to("../../etc/passwd")
    (work / "dangling.yml").symlink_to("nothing")
    (work / "large").write_bytes(b"x" * 200_000)
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "first")
    return work


@pytest.fixture
async def reader() -> AsyncIterator[ObjectReader]:
    reader = ObjectReader(Git())
    yield reader
    await reader.close()


async def test_the_version_is_checked(tmp_path: Path) -> None:
    """A machine without git, or with an old one, is told what to do."""
    assert (await Git().check()).startswith("git version")
    with pytest.raises(Unavailable, match="install it"):
        await Git(executable="no-such-git").check()
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.20.1\n")
    old.chmod(0o755)
    with pytest.raises(Unavailable, match=r"2\.31 or newer"):
        await Git(executable=str(old)).check()


async def test_a_failure_says_why(tmp_path: Path) -> None:
    with pytest.raises(Internal, match="not a git repository"):
        await Git().run(tmp_path, "for-each-ref")


async def test_a_deadline_ends_git(tmp_path: Path) -> None:
    """What does not end in time is killed, its children with it."""
    slow = tmp_path / "git"
    slow.write_text(f"#!/bin/sh\nsleep 1000 & echo $! > {tmp_path}/child\nwait\n")
    slow.chmod(0o755)
    with pytest.raises(Internal, match=r"within 0\.5 s"):
        await Git(executable=str(slow)).run(tmp_path, "version", timeout=0.5)
    child = int((tmp_path / "child").read_text())
    with anyio.fail_after(10):
        while is_alive(child):
            await anyio.lowlevel.checkpoint()


async def test_a_process_that_ignores_us_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM first, so that git cleans up; SIGKILL when that does not help."""
    monkeypatch.setattr("tidemill.kit.git.process.PATIENCE", 0.1)
    process = Process(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 100; done"],
        cwd=tmp_path,
        environment={},
    )
    assert await process.read() == b"ready\n"
    await process.close()
    assert await process.wait() == -signal.SIGKILL


async def test_large_data_goes_both_ways(tmp_path: Path) -> None:
    """More than a pipe holds passes through a process without a deadlock."""
    process = Process(["/bin/cat"], cwd=tmp_path, environment={})
    data = os.urandom(1 << 20)
    received = bytearray()
    async with anyio.create_task_group() as group:

        async def feed() -> None:
            await process.write(data)
            process.end_input()

        group.start_soon(feed)
        while block := await process.read():
            received += block
    assert received == data
    assert await process.wait() == 0
    await process.close()


async def test_the_users_configuration_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment nor the home of the server reaches git."""
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Somebody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    listed = (await Git({"user.email": "ours"}).run(tmp_path, "config", "--list")).decode()
    assert "Somebody" not in listed
    assert "user.email=ours" in listed
    assert "core.hookspath=/dev/null" in listed


async def test_refs_and_head(repository: Repository, work: Path) -> None:
    """HEAD stays at main while main exists, else follows what was pushed; tags are listed as they are."""
    assert await repository.refs() == {}
    assert repository.head() == "refs/heads/main"
    git(work, "tag", "-a", "-m", "a tag", "v1")
    git(work, "push", "-q", "origin", "HEAD:refs/heads/topic", "HEAD:refs/heads/other", "v1", "HEAD:refs/x/y")
    sha = git(work, "rev-parse", "HEAD")
    refs = await repository.refs()
    assert refs == {
        "refs/heads/topic": sha,
        "refs/heads/other": sha,
        "refs/tags/v1": git(work, "rev-parse", "v1"),
    }
    await repository.point_head(["refs/tags/v1"])
    assert repository.head() == "refs/heads/main"
    await repository.point_head(["refs/heads/topic", "refs/heads/other"])
    assert repository.head() == "refs/heads/other"
    await repository.point_head(["refs/heads/topic"])
    assert repository.head() == "refs/heads/other"


async def test_a_packed_head_is_not_moved(repository: Repository, work: Path) -> None:
    git(work, "push", "-q", "origin", "main")
    git(repository.path, "pack-refs", "--all")
    await repository.point_head(["refs/heads/another"])
    assert repository.head() == "refs/heads/main"


async def test_deleting_is_harmless_twice(repository: Repository, tmp_path: Path) -> None:
    await repository.delete(staging=tmp_path / "gone" / "1")
    assert not repository.exists
    await repository.delete(staging=tmp_path / "gone" / "2")
    assert not list((tmp_path / "gone").iterdir())


async def test_objects_are_read(repository: Repository, work: Path, reader: ObjectReader) -> None:
    """Files, links inside the tree, commits and tags; what is not there is None, also twice in a row."""
    git(work, "tag", "-a", "-m", "a tag", "v1")
    git(work, "push", "-q", "origin", "main", "v1")
    sha = git(work, "rev-parse", "HEAD")
    names = ["conf/a.yml", "link.yml", "no.yml", "outside.yml", "dangling.yml", "conf/a.yml/x", "conf"]
    for _ in range(2):
        found = await reader.read(repository.path, [f"{sha}:{name}" for name in names], limit=1000)
        assert [o and o.data for o in found[:6]] == [b"a: 1\n", b"a: 1\n", None, None, None, None]
        assert found[6]
        assert found[6].kind == "tree"
    named = [
        "refs/tags/v1^{commit}",
        "refs/heads/main^{commit}",
        f"{sha}^{{commit}}",
        "HEAD",
        "refs/heads/no^{commit}",
    ]
    commits = await reader.read(repository.path, named, limit=1000)
    assert [c and c.sha for c in commits] == [sha] * 4 + [None]


async def test_a_warm_reader_sees_what_was_pushed_since(
    repository: Repository, work: Path, reader: ObjectReader
) -> None:
    """A process that was started before a push finds its objects, loose or packed, and the new ref."""
    await reader.warm(repository.path)
    for i in range(3):
        assert await reader.read(repository.path, [f"refs/heads/b{i}^{{commit}}"], limit=1000) == [None]
        git(work, "commit", "-q", "--allow-empty", "-m", f"change {i}")
        git(work, "push", "-q", "origin", f"HEAD:refs/heads/b{i}")
        (commit,) = await reader.read(repository.path, [f"refs/heads/b{i}^{{commit}}"], limit=1000)
        assert commit
        assert commit.sha == git(work, "rev-parse", "HEAD")
        git(repository.path, "gc", "-q", "--prune=now")


async def test_a_large_object_is_refused(repository: Repository, work: Path, reader: ObjectReader) -> None:
    """The limit holds, and the next reader is not disturbed by what was left unread."""
    git(work, "push", "-q", "origin", "main")
    with pytest.raises(TooLarge, match="large has 200000 bytes"):
        await reader.read(repository.path, ["refs/heads/main:large"], limit=100_000)
    (found,) = await reader.read(repository.path, ["refs/heads/main:large"], limit=200_000)
    assert found
    assert len(found.data) == 200_000


async def test_many_names_at_once(repository: Repository, work: Path, reader: ObjectReader) -> None:
    """More questions and answers than the pipes hold do not block each other."""
    git(work, "push", "-q", "origin", "main")
    names = [f"refs/heads/main:{'no' * 100}/{i}" if i % 2 else "refs/heads/main:large" for i in range(1000)]
    found = await reader.read(repository.path, names, limit=200_000)
    assert [f is None for f in found] == [i % 2 == 1 for i in range(1000)]


async def test_a_name_is_one_line(repository: Repository, reader: ObjectReader) -> None:
    with pytest.raises(ValueError, match="one line"):
        await reader.read(repository.path, ["HEAD\nHEAD"], limit=1000)


async def test_few_processes_stay(tmp_path: Path, reader: ObjectReader) -> None:
    """However many repositories are read, few processes are kept, and none of them for ever."""
    for i in range(MAX_IDLE + 3):
        repository = Repository(Git(), tmp_path / f"{i}.git")
        await repository.create(staging=tmp_path / f"new{i}")
        await reader.read(repository.path, ["HEAD"], limit=1000)
    assert len(reader._idle) == MAX_IDLE
    await reader.forget(repository.path)
    assert len(reader._idle) == MAX_IDLE - 1
    await reader.close_idle(1000)
    assert len(reader._idle) == MAX_IDLE - 1
    await reader.close_idle(0)
    assert reader._idle == []
