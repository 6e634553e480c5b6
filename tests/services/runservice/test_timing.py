"""What follows from the time alone, and tasks that are stopped while their run goes on."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, create, now, plan, start, statuses, task
from tidemill.core.job import Outcome
from tidemill.core.plan import Depend, Plan
from tidemill.core.run import Phase, Result, Run
from tidemill.kit.db import Database
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.store.tables import tasks

pytestmark = pytest.mark.anyio


async def running(service: Service, plan: Plan) -> Run:
    (run,) = await create(service.runs, plan)
    return await start(service.runs, run.id)


async def look(whole: RunserviceService) -> None:
    (timed,) = [loop for loop in whole.loops() if loop.name == "timed-runs"]
    await timed.work()


async def test_an_approval_expires(service: Service, whole: RunserviceService, clock: Clock) -> None:
    """The run is over by itself once its time has come."""
    run = await running(service, plan(task(approval=True, approval_expires=60.0)))
    await look(whole)
    assert (await now(service.runs, run)).tasks[0].waiting_approval
    clock.now += timedelta(seconds=60)
    await look(whole)
    after = await now(service.runs, run)
    assert (after.phase, after.tasks[0].reason) == (Phase.FINISHED, "nobody approved it within 60 s")


async def test_a_damaged_run_holds_up_no_other(
    service: Service, whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """Whose time came later has its turn although the state of the one before cannot be read."""
    waits = task(approval=True, approval_expires=60.0)
    damaged = await running(service, plan(waits))
    clock.now += timedelta(seconds=1)
    (other,) = await create(service.runs, plan(waits), group="/project/p2/branch/main")
    await start(service.runs, other.id, "/project/p2/branch/main")
    of_damaged = update(tasks).where(tasks.c.id == damaged.tasks[0].id)
    await db.do(lambda tx: tx.run(of_damaged.values(state=b"{")))
    clock.now += timedelta(seconds=60)
    await look(whole)
    assert (await now(service.runs, other)).phase is Phase.FINISHED


async def test_a_rejected_task_is_skipped(service: Service) -> None:
    """It waits no more, in no list either."""
    run = await running(service, plan(task(approval=True)))
    after = await service.runs.reject_task(run.id, run.tasks[0].id, "rejected by ann")
    assert (after.phase, statuses(after), after.tasks[0].reason) == (
        Phase.FINISHED,
        {"task": "skipped"},
        "rejected by ann",
    )


async def test_a_run_that_takes_too_long_is_stopped(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Its executor is told, and in the end it has failed."""
    run = await running(service, replace(plan(), timeout=60.0))
    player = Player(service.jobs)
    (job,) = await player.take()
    clock.now += timedelta(seconds=60)
    await look(whole)
    assert (await player.sync()).stop == (job,)
    await player.finish(job, Outcome.STOPPED)
    after = await now(service.runs, run)
    assert (after.phase, after.result) == (Phase.FINISHED, Result.FAILED)
    assert after.reason == after.tasks[0].reason == "the run took longer than 60 s"


async def test_a_failure_stops_the_others_at_once(service: Service) -> None:
    """Where the run wants it: the task at work is stopped, the one that tells of the failure is done."""
    tell = task("tell", depends=(Depend(task="bad", conditions=("on_failure",)),))
    run = await running(service, replace(plan(task("bad"), task("busy"), tell), fail_fast=True))
    player = Player(service.jobs)
    await player.take()
    bad, busy = (one.id for one in run.tasks[:2])
    player.end(bad, Outcome.FAILED)
    answer = await player.sync()
    assert answer.stop == (busy,)
    await player.finish(busy, Outcome.STOPPED)
    await player.work_off()
    after = await now(service.runs, run)
    assert statuses(after) == {"bad": "failed", "busy": "stopped", "tell": "success"}
    assert (after.phase, after.result, after.tasks[1].reason) == (
        Phase.FINISHED,
        Result.FAILED,
        "another task has failed",
    )
