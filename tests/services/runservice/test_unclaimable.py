"""Tasks that no executor can take: they wait, or fail after a time, as the settings say."""

import pytest
from sqlalchemy import update

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, now, started, statuses, task
from tidemill.contracts.fleet import Wanted, Wish
from tidemill.core.job import ExecutorId
from tidemill.core.plan import Retry, Runtime
from tidemill.core.run import Result
from tidemill.kit.db import Database
from tidemill.services.runservice.service import RunserviceService
from tidemill.services.runservice.store.tables import tasks
from tidemill.settings import RunserviceSettings

pytestmark = pytest.mark.anyio

GPU = Runtime(type="host", labels={"gpu": ""})
REASON = "no executor that takes it was online for 10 min"


@pytest.fixture
def settings() -> RunserviceSettings:
    return RunserviceSettings(executor_lease=60, executor_grace=15, unclaimable="fail", unclaimable_after=600)


async def test_it_fails_when_its_time_is_over(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """With the reason; what others can take is not concerned."""
    run = await started(service.runs, task("gpu", runtime=GPU), task("any"))
    look = whole.fleet.unclaimable.look
    for _ in range(20):
        await Player(service.jobs, slots=0).sync()
        clock.advance(29)
        await look()
    assert set(statuses(await now(service.runs, run)).values()) == {"notstarted"}
    clock.advance(21)
    await look()
    found = await now(service.runs, run)
    assert statuses(found) == {"gpu": "failed", "any": "cancelled"}
    assert (found.tasks[0].reason, found.result) == (REASON, Result.FAILED)


async def test_a_damaged_run_holds_up_no_other(
    service: Service, whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """A task that nobody takes fails although another that nobody takes cannot be read."""
    damaged = await started(service.runs, task("gpu", runtime=GPU))
    fpga = Runtime(type="host", labels={"fpga": ""})
    other = await started(service.runs, task("fpga", runtime=fpga), group="/project/p2/branch/main")
    of_damaged = update(tasks).where(tasks.c.id == damaged.tasks[0].id)
    await db.do(lambda tx: tx.run(of_damaged.values(state=b"{")))
    clock.advance(660)
    await whole.fleet.unclaimable.look()
    assert statuses(await now(service.runs, other)) == {"fpga": "failed"}


async def test_it_waits_as_long_as_somebody_could_take_it(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Also somebody who drains; the time begins when the last one is gone."""
    run = await started(service.runs, task("gpu", runtime=GPU))
    player = Player(service.jobs, labels={"gpu": "x"}, slots=0)
    await player.sync()
    await service.fleet.want(ExecutorId("e1"), Wish(wanted=Wanted.DRAIN))
    for _ in range(40):
        clock.advance(30)
        await player.sync()
        await whole.fleet.unclaimable.look()
    clock.advance(659)
    await whole.fleet.unclaimable.look()
    assert statuses(await now(service.runs, run)) == {"gpu": "notstarted"}
    clock.advance(1)
    await whole.fleet.unclaimable.look()
    assert statuses(await now(service.runs, run)) == {"gpu": "failed"}


async def test_more_than_a_hundred_fail(service: Service, whole: RunserviceService, clock: Clock) -> None:
    """In several transactions of one look; those behind them are passed over."""
    tasks = [task(f"t{i}", runtime=GPU, ignore_failure=True) for i in range(120)]
    run = await started(service.runs, *tasks)
    clock.advance(601)
    await whole.fleet.unclaimable.look()
    assert set(statuses(await now(service.runs, run)).values()) == {"failed"}


async def test_another_attempt_has_its_own_time(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """A task that may be tried again waits for an executor once more."""
    run = await started(service.runs, task("gpu", runtime=GPU, retry=Retry(attempts=2)))
    clock.advance(601)
    await whole.fleet.unclaimable.look()
    await whole.fleet.unclaimable.look()
    (again,) = (await now(service.runs, run)).tasks
    assert (again.attempt, again.status, again.past[0].reason) == (2, "notstarted", REASON)
    clock.advance(601)
    await whole.fleet.unclaimable.look()
    assert (await now(service.runs, run)).result is Result.FAILED
