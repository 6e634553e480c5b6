"""Rows that cannot be read, damaged or written by a newer version: their jobs are stopped, all others go on."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select, update

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, now, started, task
from tidemill.core.job import JobPhase
from tidemill.core.run import Phase, Run
from tidemill.kit.db import Database
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.store.tables import plans, runs, tasks

pytestmark = pytest.mark.anyio

OTHER = "/project/p2/branch/main"


async def damage(db: Database, run: Run, task_name: str = "task") -> bytes:
    """Spoil the state of a task; answers what it was."""
    (damaged,) = [one.id for one in run.tasks if one.name == task_name]
    state: bytes = await db.read(lambda tx: tx.value(select(tasks.c.state).where(tasks.c.id == damaged)))
    await repair(db, damaged, b'{"status":"of a later version"}')
    return state


async def repair(db: Database, id: str, state: bytes) -> None:
    """Write a state, as its administrator does; the run is another one for who remembers it."""
    await db.do(lambda tx: tx.run(update(tasks).where(tasks.c.id == id).values(state=state)))
    await db.do(lambda tx: tx.run(update(runs).values(revision=runs.c.revision + 1)))


async def test_a_damaged_job_keeps_no_other_from_its_end(service: Service, db: Database) -> None:
    """While it is at work it is told to stop; its end is recorded once it can be read again."""
    bad, good = await started(service.runs), await started(service.runs, group=OTHER)
    player = Player(service.jobs)
    first, second = await player.take()
    state = await damage(db, bad)
    player.end(second)
    answer = await player.sync()
    assert (answer.stop, answer.forget, answer.fenced) == ((first,), (second,), ())
    assert (await now(service.runs, good)).phase is Phase.FINISHED
    player.end(first)
    answer = await player.sync()
    assert (answer.stop, answer.forget, answer.fenced, answer.start) == ((), (), (), ())
    await repair(db, first, state)
    assert (await player.sync()).forget == (first,)
    assert (await now(service.runs, bad)).phase is Phase.FINISHED


async def test_a_job_beside_a_damaged_one_goes_on_until_its_end(service: Service, db: Database) -> None:
    """What it tells of its steps is kept; what follows from its end cannot be said for its run."""
    run = await started(service.runs, task("good"), task("bad"))
    player = Player(service.jobs)
    good, bad = await player.take()
    await damage(db, run, "bad")
    assert (await player.sync()).stop == (bad,)
    player.end(good)
    await player.sync()
    assert player.reports[good].phase is JobPhase.ENDED
    other = await started(service.runs, group=OTHER)
    assert [spec.run_id for spec in (await player.sync()).start] == [other.id]


async def test_a_job_of_a_plan_that_cannot_be_read_is_not_begun(
    service: Service, db: Database, open_service: Callable[[], Awaitable[RunserviceService]]
) -> None:
    """It keeps its place until the plan can be read, and others are given out."""
    await started(service.runs)
    good = await started(service.runs, group=OTHER)
    (bad,) = [row.id for row in await db.read(lambda tx: tx.all(select(plans.c.id))) if row.id != good.id]
    await db.do(lambda tx: tx.run(update(plans).where(plans.c.id == bad).values(plan=b"{")))
    player = Player(await open_service())
    answer = await player.sync()
    assert [spec.run_id for spec in answer.start] == [good.id]
    assert (await player.sync()).start == ()
    player.end(answer.start[0].id)
    assert (await player.sync()).forget == (answer.start[0].id,)


async def test_a_silent_executor_loses_what_can_be_read(
    service: Service, whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """The loss of one run's job does not wait for another run's rows."""
    bad, good = await started(service.runs), await started(service.runs, group=OTHER)
    player = Player(service.jobs)
    await player.take()
    await damage(db, bad)
    for _ in range(8):
        clock.advance(15)
        await whole.leases.look()
    assert (await now(service.runs, good)).phase is Phase.FINISHED
