"""No accepted push is lost: the gateway away, slow or broken, the server killed at any moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import sqlalchemy as sa

from tests.conftest import Clock
from tests.services.gitserver.hosting import Hosting, User
from tidemill.contracts.gitserver import FilesRequest
from tidemill.errors import BadRequest, NotFound, Unavailable
from tidemill.kit.db import Database
from tidemill.kit.git.push import Command
from tidemill.services.gitserver import store
from tidemill.services.gitserver.push_log import KEPT
from tidemill.services.gitserver.reconcile import ORPHAN_LIFE

pytestmark = pytest.mark.anyio

NONE = "0" * 40


@pytest.fixture
async def hosting(tmp_path: Path, database: Database, clock: Clock) -> AsyncIterator[Hosting]:
    """A gitserver whose time a test commands."""
    async with Hosting(tmp_path / "data", database, clock).running() as hosting:
        yield hosting


@asynccontextmanager
async def restarted(hosting: Hosting, database: Database, clock: Clock) -> AsyncIterator[Hosting]:
    """A second life on the same directory and database."""
    async with Hosting(hosting.directory, database, clock).running() as second:
        yield second


async def states(hosting: Hosting, database: Database) -> list[str]:
    """The states of the logged pushes, oldest first, once no push is in hand."""
    await hosting.quiet()
    query = sa.select(store.pushes.c.state).order_by(store.pushes.c.received_at, store.pushes.c.id)
    return [row.state for row in await database.read(lambda tx: tx.all(query))]


async def pushed(hosting: Hosting) -> tuple[User, str, str]:
    """A user who has pushed a commit to main; what git said."""
    user = await hosting.user()
    sha = await user.commit()
    return user, sha, await user.git("push", "origin", "main")


async def test_a_push_outlives_an_absent_gateway(hosting: Hosting, database: Database, clock: Clock) -> None:
    """The push succeeds and says what is missing; it is told once the gateway answers."""
    hosting.gateway.failure = Unavailable("the gateway is starting")
    _, sha, output = await pushed(hosting)
    assert "remote: the push is stored, but its runs could not be created yet" in output
    assert "remote:   the gateway is starting" in output
    assert await states(hosting, database) == ["accepted"]
    loop = hosting.loop("pushes")
    assert loop.bell
    assert await loop.bell.wait(0.01)  # rung, so that the loop tries again at once
    await hosting.deliver()
    assert hosting.gateway.attempts == 2
    hosting.gateway.failure = None
    await hosting.deliver()
    assert hosting.gateway.attempts == 2  # not yet due
    clock.advance(16)
    await hosting.deliver()
    assert hosting.gateway.moved() == [("refs/heads/main", NONE, sha)]
    assert await states(hosting, database) == ["told"]


async def test_retries_become_rarer(hosting: Hosting, clock: Clock) -> None:
    """15 s, 30 s, 60 s and so on, at most a quarter of an hour."""
    hosting.gateway.failure = Unavailable("away")
    await pushed(hosting)
    await hosting.deliver()
    for delay in (15, 30, 60, 120, 240, 480, 900, 900):
        tried = hosting.gateway.attempts
        clock.advance(delay - 1)
        await hosting.deliver()
        assert hosting.gateway.attempts == tried
        clock.advance(1)
        await hosting.deliver()
        assert hosting.gateway.attempts == tried + 1


async def test_a_slow_gateway_does_not_hold_a_push_for_ever(
    hosting: Hosting, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemill.services.gitserver.push_log.MARGIN", -4.5)
    hosting.gateway.held = anyio.Event()
    _, _, output = await pushed(hosting)
    assert "the gateway did not answer within 0.5 s" in output
    assert await states(hosting, database) == ["accepted"]


async def test_one_broken_push_does_not_stop_the_others(hosting: Hosting, database: Database) -> None:
    """A push that the gateway chokes on is set aside; later ones of the same project and others are told."""
    hosting.gateway.failure = Unavailable("away")
    user, _, _ = await pushed(hosting)
    hosting.gateway.poison = {"p-hello"}
    await user.git("push", "-q", "origin", "HEAD:other")
    await user.git("push", "-q", hosting.url("user/alice/public"), "main")
    hosting.gateway.failure = None
    await hosting.deliver()
    assert [push.project for push in hosting.gateway.pushes] == ["p-public"]
    assert sorted(await states(hosting, database)) == ["accepted", "accepted", "told"]


async def test_pushes_of_a_project_are_told_in_order(hosting: Hosting, clock: Clock) -> None:
    hosting.gateway.failure = Unavailable("away")
    user, first, _ = await pushed(hosting)
    hashes = [first]
    for _ in range(4):
        clock.advance(1)
        hashes.append(await user.commit(content=str(clock.now)))
        await user.git("push", "-q", "origin", "main")
    hosting.gateway.failure = None
    await hosting.deliver()
    assert [new for _, _, new in hosting.gateway.moved()] == hashes


async def test_a_push_of_a_project_that_is_gone_is_let_go(hosting: Hosting, database: Database) -> None:
    """Only our own code proves absence; any other 404 is tried again."""
    hosting.gateway.failure = NotFound("no such page")
    await pushed(hosting)
    await hosting.deliver()
    assert await states(hosting, database) == ["accepted"]
    hosting.gateway.failure = NotFound("gone", code="projectDoesNotExist")
    await hosting.service.start()
    await hosting.deliver()
    assert await states(hosting, database) == ["told"]
    assert hosting.gateway.pushes == []


async def test_a_restart_tells_what_was_not_told(hosting: Hosting, database: Database, clock: Clock) -> None:
    """Back-off does not outlive the process: what was wrong may be mended."""
    hosting.gateway.failure = BadRequest("a bug")
    _, sha, _ = await pushed(hosting)
    for _ in range(5):
        clock.advance(1000)
        await hosting.deliver()
    async with restarted(hosting, database, clock) as second:
        await second.deliver()
        assert second.gateway.moved() == [("refs/heads/main", NONE, sha)]


async def pending(hosting: Hosting, commands: tuple[Command, ...], project: str = "p-hello") -> None:
    """Leave the log as a server does that is killed while git has the push."""
    with pytest.raises(KeyboardInterrupt):
        async with hosting.service._log.opened(project, "alice", commands):
            raise KeyboardInterrupt


async def test_killed_after_git_had_applied_a_push(
    hosting: Hosting, database: Database, clock: Clock
) -> None:
    """The refs show that it was applied: it is told after the restart, and as the push it was."""
    user, first, _ = await pushed(hosting)
    sha = await user.commit("second")
    await pending(hosting, (Command(ref="refs/heads/main", old=first, new=sha),))
    await user.git("push", "-q", str(hosting.repository()), "main")  # as git did on its own
    async with restarted(hosting, database, clock) as second:
        await second.deliver()
        (push,) = second.gateway.pushes
        assert (push.pusher, second.gateway.moved()) == ("alice", [("refs/heads/main", first, sha)])
        await second.deliver()
        assert second.gateway.attempts == 1
    assert await states(hosting, database) == ["told", "told"]


async def test_killed_before_git_had_applied_a_push(
    hosting: Hosting, database: Database, clock: Clock
) -> None:
    """It is waited for as long as an orphaned git may live, then forgotten; nobody hears of it."""
    _, first, _ = await pushed(hosting)
    clock.advance(1)
    await pending(hosting, (Command(ref="refs/heads/main", old=first, new="b" * 40),))
    async with restarted(hosting, database, clock) as second:
        await second.deliver()
        assert await states(hosting, database) == ["told", "pending"]
        clock.advance(ORPHAN_LIFE.total_seconds())
        await second.deliver()
        assert await states(hosting, database) == ["told", "refused"]
        assert second.gateway.attempts == 0


async def test_an_orphan_that_applies_a_push_late(hosting: Hosting, database: Database, clock: Clock) -> None:
    """A git that outlived its server moves the ref after the restart: the push is told once, by its pusher."""
    user, first, _ = await pushed(hosting)
    sha = await user.commit("second")
    await pending(hosting, (Command(ref="refs/heads/main", old=first, new=sha),))
    async with restarted(hosting, database, clock) as second:
        await second.deliver()
        await user.git("push", "-q", str(hosting.repository()), "main")
        await second.deliver()
        (push,) = second.gateway.pushes
        assert (push.pusher, second.gateway.moved()) == ("alice", [("refs/heads/main", first, sha)])


async def test_refs_moved_behind_our_back_are_found(
    hosting: Hosting, database: Database, clock: Clock
) -> None:
    """After a restart the gateway is told of them as a push of nobody, exactly once."""
    user, first, _ = await pushed(hosting)
    sha = await user.commit("second")
    await user.git("push", "-q", str(hosting.repository()), "main", "HEAD:refs/heads/new")
    async with restarted(hosting, database, clock) as second:
        await second.deliver()
        await second.deliver()
        (push,) = await second.gateway.told(1)
        assert (push.project, push.pusher) == ("p-hello", "")
        assert second.gateway.moved() == [("refs/heads/main", first, sha), ("refs/heads/new", NONE, sha)]
    async with restarted(hosting, database, clock) as third:
        await third.deliver()
        assert third.gateway.attempts == 0


async def test_the_first_contact_looks_a_repository_over(
    hosting: Hosting, database: Database, clock: Clock
) -> None:
    """A push that comes before the loop finds the log mended: nothing is told twice."""
    user, first, _ = await pushed(hosting)
    sha = await user.commit("second")
    await user.git("push", "-q", str(hosting.repository()), "main")
    async with restarted(hosting, database, clock) as second:
        await user.git("push", "-q", second.url(), "HEAD:topic")
        await second.deliver()
        assert sorted(second.gateway.moved()) == [
            ("refs/heads/main", first, sha),
            ("refs/heads/topic", NONE, sha),
        ]


async def test_a_head_that_was_not_moved_is_mended(
    hosting: Hosting, database: Database, clock: Clock
) -> None:
    """Killed between the first push and the move of HEAD: after the restart a clone has a branch."""
    user = await hosting.user()
    await user.git("ls-remote", "origin")
    await user.commit()
    await user.git("push", "-q", str(hosting.repository()), "HEAD:trunk")
    async with restarted(hosting, database, clock) as second:
        await second.deliver()
        assert (await second.service.default_branch("p-hello")).name == "trunk"


async def test_a_repository_that_the_log_does_not_know(
    hosting: Hosting, database: Database, clock: Clock
) -> None:
    """With an empty database it is taken as it is: a restored directory starts no thousand runs."""
    user, _, _ = await pushed(hosting)
    await database.do(lambda tx: store.forget_repository(tx, "p-hello"))
    async with restarted(hosting, database, clock) as second:
        await user.git("ls-remote", second.url())
        await second.deliver()
        assert second.gateway.attempts == 0
        sha = await user.commit("second")
        await user.git("push", "-q", second.url(), "main")
        assert [new for _, _, new in second.gateway.moved()] == [sha]


async def test_old_pushes_are_forgotten(hosting: Hosting, database: Database, clock: Clock) -> None:
    """Finished pushes leave the log after their time; what is still to be told does not."""
    user, _, _ = await pushed(hosting)
    hosting.gateway.failure = Unavailable("away")
    await user.git("push", "-q", "origin", "HEAD:other")
    await hosting.deliver()
    clock.advance(KEPT.total_seconds() + 1)
    await hosting.deliver()
    assert await states(hosting, database) == ["accepted"]


async def test_a_deleted_repository_leaves_nothing(hosting: Hosting, database: Database) -> None:
    """Neither files nor log; the project's next push begins anew."""
    user, sha, _ = await pushed(hosting)
    await hosting.service.files("p-hello", FilesRequest(commit=sha, paths=("file",)))
    await hosting.service.delete_repository("p-hello")
    await hosting.service.delete_repository("p-hello")
    assert not hosting.repository().exists()
    assert await states(hosting, database) == []
    with pytest.raises(NotFound, match="no repository"):
        await hosting.service.commit("p-hello", sha)
    await user.git("push", "-q", "origin", "main")
    assert hosting.gateway.moved() == [("refs/heads/main", NONE, sha)] * 2


async def test_a_push_that_cannot_be_written_down_is_refused(hosting: Hosting, database: Database) -> None:
    """Git gets nothing of it: an update that is not in the log could be lost."""
    user, first, _ = await pushed(hosting)
    await hosting.quiet()
    await database.close()
    await user.commit("second")
    assert "503" in await user.git("push", "origin", "main", ok=False)
    assert (await hosting.service.commit("p-hello", "refs/heads/main")).sha == first
