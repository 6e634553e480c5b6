"""Tasks of large runs that are remembered: as they are stored, or not at all."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.services.runservice.playing import NOW, Player, now, started, statuses, task
from tidemill.core.plan import PlanTask
from tidemill.core.run import Run, RunTask, Status, TaskId
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.changing import Changes, Means
from tidemill.services.runservice.store import runs
from tidemill.services.runservice.store.plans import Plans
from tidemill.services.runservice.store.recent import Recent

pytestmark = pytest.mark.anyio


def tasks(count: int = 10) -> tuple[RunTask, ...]:
    return tuple(RunTask(id=TaskId(f"id{i}"), name=f"t{i}") for i in range(count))


def chain() -> list[PlanTask]:
    """Tasks one behind the other, enough to be remembered."""
    return [task("t0"), *(task(f"t{i}", f"t{i - 1}") for i in range(1, 10))]


def test_only_the_very_revision_is_known() -> None:
    """What was stored before or since is read."""
    recent = Recent()
    recent.keep(1, 5, tasks())
    assert recent.get(1, 5) == tasks()
    assert [recent.get(1, revision) for revision in (4, 6)] == [None, None]


def test_what_is_told_late_is_older() -> None:
    """Hooks of two transactions may run in any order: the later state stays."""
    recent = Recent()
    later = tuple(reversed(tasks()))
    recent.keep(1, 6, later)
    recent.keep(1, 5, tasks())
    recent.move(1, 6, {0: tasks()[0]})
    assert recent.get(1, 6) == later


def test_a_change_of_one_task_moves_on() -> None:
    """The others stay as they were; a gap before it makes nothing known."""
    recent = Recent()
    recent.keep(1, 5, tasks())
    begun = RunTask(id=TaskId("id3"), name="t3", status=Status.RUNNING)
    recent.move(1, 6, {3: begun})
    found = recent.get(1, 6)
    assert found == (*tasks()[:3], begun, *tasks()[4:])
    recent.move(1, 8, {3: tasks()[3]})
    assert recent.get(1, 8) is None


def test_it_does_not_grow() -> None:
    """Runs that changed longest ago are forgotten, and those that are over."""
    recent = Recent()
    for run in range(1000):
        recent.keep(run, 1, tasks(100))
    known = [run for run in range(1000) if recent.get(run, 1)]
    assert known
    assert known == list(range(1000))[-len(known) :]
    assert len(known) * 100 <= 10_000
    recent.forget(999)
    assert recent.get(999, 1) is None


async def test_two_services_change_one_run(
    open_service: Callable[[], Awaitable[RunserviceService]],
) -> None:
    """Each finds what the other has stored, although it remembers what was before."""
    services = [await open_service(), await open_service()]
    run = await started(services[0], *chain())
    player = Player(services[0])
    for turn in range(10):
        player.jobs = services[turn % 2]
        await player.take()  # but for the first it was claimed with the end of the one before
        (job,) = player.reports
        for service in services:
            assert statuses(await now(service, run))[f"t{turn}"] == "running"
        await player.finish(job)
    for service in services:
        assert set(statuses(await now(service, run)).values()) == {"success"}


async def test_nothing_is_remembered_of_what_failed(whole: RunserviceService, db: Database) -> None:
    """A transaction that has changed a run and is not committed leaves no trace; the next one does."""
    run = await started(whole, *chain())
    means = Means(Plans(), Bells(), timedelta(seconds=60))

    async def change(tx: Transaction, reason: str, *, fails: bool = False) -> Run:
        stored = await runs.by_id(tx, run.id)
        assert stored is not None
        changes = Changes(tx, means, NOW)
        (hand,) = await changes.take({stored.sequence})
        hand.put(replace(hand.run.tasks[0], reason=reason))
        after = await changes.store(hand)
        if fails:
            raise ZeroDivisionError
        return after

    for turn in range(3):
        with pytest.raises(ZeroDivisionError):
            await db.do(lambda tx: change(tx, "in vain", fails=True))
        after = await db.do(lambda tx, turn=turn: change(tx, f"turn {turn}"))
        assert after.tasks[0].reason == f"turn {turn}"
        assert await now(whole, run) == after
