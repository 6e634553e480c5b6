"""Repositories of direct runs: pushed to and read with the real git, within limits, cleaned when old."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from msgspec.structs import replace

from tests.services.gitserver.hosting import READER, TOKEN, Hosting, User
from tidemill.contracts.direct_runs import DirectUse
from tidemill.contracts.gitserver import FilesRequest, KeepRequest
from tidemill.errors import Forbidden, NotFound
from tidemill.kit.db import Database
from tidemill.services.gitserver.direct.repositories import KEPT
from tidemill.settings import GitserverSettings

pytestmark = pytest.mark.anyio

ALICE = "11111111-2222-4333-8444-555555555555"
DAY = timedelta(days=1)


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
async def hosting(tmp_path: Path, database: Database, now: Now) -> AsyncIterator[Hosting]:
    async with Hosting(tmp_path / "data", database, now).running() as hosting:
        yield hosting


async def clone_of(hosting: Hosting, name: str = "one", token: str = TOKEN) -> User:
    """A work tree that pushes to a repository of direct runs of alice's."""
    credentials = f"x:{token}@" if token else ""
    url = f"http://{credentials}{hosting.address}/repos/{ALICE}/{name}.git"
    user = User.in_new(hosting.directory.parent / f"{name}{token}", url)
    await user.git("init", "-q", "-b", "main")
    return user


def place(hosting: Hosting, name: str = "one") -> Path:
    return hosting.directory / "direct" / ALICE / f"{name}.git"


def aged(hosting: Hosting, name: str = "one") -> None:
    """Nobody has just made it."""
    os.utime(place(hosting, name), (0, 0))


async def test_it_is_made_by_a_push(hosting: Hosting) -> None:
    """The owner pushes and fetches, a job reads; no project hears of it, and reading makes nothing."""
    user = await clone_of(hosting)
    assert "nothing was pushed" in await user.git("fetch", user.url, ok=False)
    assert not place(hosting).exists()
    sha = await user.commit("file", "content\n")
    await user.git("push", "-q", user.url, "main:refs/heads/master")
    reader = await clone_of(hosting, token=READER)
    await reader.git("pull", "-q", reader.url, "master")
    assert await reader.head() == sha
    await reader.git("push", reader.url, "HEAD:other", ok=False)
    await hosting.deliver()
    assert hosting.gateway.pushes == []
    request = FilesRequest(commit=sha, paths=("file",))
    assert (await hosting.service.files(f"{ALICE}.one", request)).files == {"file": b"content\n"}


async def test_who_says_nothing_is_asked(hosting: Hosting) -> None:
    """401 with a challenge on both fetch and push; whether they are neighbours is told to the gateway."""
    url = f"http://{hosting.address}/repos/{ALICE}/one.git/info/refs"
    async with httpx2.AsyncClient() as http:
        for service in ("git-upload-pack", "git-receive-pack"):
            answer = await http.get(url, params={"service": service})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
        assert not place(hosting).exists()
        assert hosting.people.neighbours == [False, False]


async def test_neighbours_are_those_without_a_proxy(tmp_path: Path, database: Database) -> None:
    """On a server that only its machine reaches; what a proxy passes on may come from anywhere."""
    hosting = Hosting(tmp_path / "data", database, is_loopback_only=True)
    async with hosting.running(), httpx2.AsyncClient() as http:
        url = f"http://{hosting.address}/repos/{ALICE}/one.git/info/refs?service=git-upload-pack"
        await http.get(url)
        for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host"):
            await http.get(url, headers={header: "127.0.0.1"})
    assert hosting.people.neighbours == [True, False, False, False, False, False]


async def test_files_are_read_by_ref_and_hash(hosting: Hosting) -> None:
    """Branches, also with slashes, tags, full refs, hashes; anything else is 404, a way out too."""
    user = await clone_of(hosting)
    sha = await user.commit("deep/file", b"\x00raw\xff")
    await user.git("tag", "v1")
    await user.git("push", "-q", user.url, "main:refs/heads/a/b", "v1")
    url = f"http://{hosting.address}/repos/{ALICE}/one.git/raw"
    async with httpx2.AsyncClient(auth=("x", TOKEN)) as http:
        for revision in ("a/b", "v1", "refs/heads/a/b", "refs/tags/v1", sha, sha[:8]):
            answer = await http.get(f"{url}/{revision}/deep/file")
            assert (answer.status_code, answer.content) == (200, b"\x00raw\xff"), revision
        for wrong in (f"{sha}/nothing", "c/deep/file", f"{'0' * 40}/deep/file", f"{sha}", f"{sha}/deep"):
            assert (await http.get(f"{url}/{wrong}")).status_code in (400, 404), wrong
        assert (await http.post(f"{url}/v1/deep/file")).status_code == 405
        for wrong in (
            "user/one",
            f"{ALICE}/../one",
            f"{ALICE}/one.git/two",
            f"{ALICE}/{'x' * 60}",
            f"{ALICE}",
        ):
            answer = await http.get(
                f"http://{hosting.address}/repos/{wrong}.git/info/refs?service=git-upload-pack"
            )
            assert answer.status_code in (301, 400, 404), wrong


async def test_size_and_number_are_limited(tmp_path: Path, database: Database) -> None:
    """A push that is too large changes nothing; one repository more is refused; the others go on."""
    settings = GitserverSettings(direct_repositories=1, direct_repository_size=100_000)
    hosting = Hosting(tmp_path / "data", database, settings=settings)
    async with hosting.running():
        user = await clone_of(hosting)
        await user.commit("small")
        await user.git("push", "-q", user.url, "main")
        await user.commit("large", os.urandom(200_000))
        await user.git("push", user.url, "main", ok=False)
        assert "large" not in await user.git("ls-remote", user.url)
        other = await clone_of(hosting, "two")
        await other.commit()
        assert "direct_repositories" in await other.git("push", other.url, "main", ok=False)
        await user.git("push", "-q", user.url, "main~1:refs/heads/other")


async def test_old_refs_go_and_then_the_repository(hosting: Hosting, now: Now) -> None:
    """What is old, of runs and of branches; not what a run needs, and not what is new."""
    user = await clone_of(hosting)
    sha = await user.commit()
    await user.git("push", "-q", user.url, "main")
    await hosting.service.keep_commit(f"{ALICE}.one", KeepRequest(commit=sha))
    aged(hosting)
    clean = hosting.loop("cleaning").work
    now.ahead = 29 * DAY
    await clean()
    assert (await user.git("ls-remote", user.url)).split()[0] == sha
    now.ahead = 31 * DAY
    hosting.people.uses[ALICE] = DirectUse(is_known=True, commits=(sha,))
    await clean()
    assert (await user.git("ls-remote", user.url)).split()[0] == sha
    hosting.people.uses[ALICE] = DirectUse(is_known=True)
    await clean()
    assert not place(hosting).exists()
    with pytest.raises(NotFound):
        await hosting.service.commit(f"{ALICE}.one", sha)


async def test_a_commit_of_a_run_outlives_its_branch(hosting: Hosting, now: Now) -> None:
    """A branch that has moved on takes it from nobody; who pushes cannot touch what holds it."""
    user = await clone_of(hosting)
    first = await user.commit("one")
    await user.git("push", "-q", user.url, "main")
    await hosting.service.keep_commit(f"{ALICE}.one", KeepRequest(commit=first))
    await user.git("checkout", "-q", "--orphan", "next")
    second = await user.commit("two")
    await user.git("push", "-qf", user.url, "next:main")
    for path in place(hosting).rglob("objects/*/*"):
        os.utime(path, (0, 0))
    await hosting.loop("cleaning").work()
    assert (await hosting.service.commit(f"{ALICE}.one", first)).sha == first
    listed = await user.git("ls-remote", user.url)
    assert second in listed
    assert KEPT not in listed
    await user.git("push", user.url, f"next:{KEPT}1/{second}", ok=False)
    await user.git("fetch", "-q", user.url, first)


async def test_users_who_are_gone_leave_nothing(hosting: Hosting) -> None:
    """Their repositories go; as long as the gateway says nothing, everything stays."""
    user = await clone_of(hosting)
    await user.commit()
    await user.git("push", "-q", user.url, "main")
    hosting.people.failure = Forbidden("not now")
    await hosting.loop("cleaning").work()
    assert place(hosting).exists()
    hosting.people.failure = None
    hosting.people.uses[ALICE] = DirectUse(is_known=False)
    await hosting.loop("cleaning").work()
    assert not place(hosting).parent.exists()
    hosting.people.uses[ALICE] = replace(hosting.people.uses[ALICE], is_known=True)
    await user.git("push", "-q", user.url, "main")
    assert place(hosting).exists()
