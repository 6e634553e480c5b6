"""Tasks that no executor can take: they wait, or fail after a time, as the settings say."""

from collections.abc import Awaitable, Callable

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
Look = Callable[[], Awaitable[None]]
REASON = "no executor that takes it was online for 10 min"


@pytest.fixture
def settings() -> RunserviceSettings:
    return RunserviceSettings(executor_lease=60, executor_grace=15, unclaimable="fail", unclaimable_after=600)


@pytest.fixture
async def look(whole: RunserviceService) -> Look:
    """What the loop does, and has done at the start."""
    await whole.fleet.unclaimable.look()
    return whole.fleet.unclaimable.look


async def pass_time(clock: Clock, look: Look, seconds: float) -> None:
    """Let time pass as it does for a service that looks every now and then."""
    while seconds > 0:
        step = min(seconds, 15)
        clock.advance(step)
        seconds -= step
        await look()


async def test_it_fails_when_its_time_is_over(service: Service, look: Look, clock: Clock) -> None:
    """With the reason; what others can take is not concerned."""
    run = await started(service.runs, task("gpu", runtime=GPU), task("any"))
    for _ in range(20):
        await Player(service.jobs, slots=0).sync()
        await pass_time(clock, look, 29)
    assert set(statuses(await now(service.runs, run)).values()) == {"notstarted"}
    await pass_time(clock, look, 80)
    found = await now(service.runs, run)
    assert statuses(found) == {"gpu": "failed", "any": "cancelled"}
    assert (found.tasks[0].reason, found.result) == (REASON, Result.FAILED)


async def test_a_damaged_run_holds_up_no_other(
    service: Service, look: Look, db: Database, clock: Clock
) -> None:
    """A task that nobody takes fails although another that nobody takes cannot be read."""
    damaged = await started(service.runs, task("gpu", runtime=GPU))
    fpga = Runtime(type="host", labels={"fpga": ""})
    other = await started(service.runs, task("fpga", runtime=fpga), group="/project/p2/branch/main")
    of_damaged = update(tasks).where(tasks.c.id == damaged.tasks[0].id)
    await db.do(lambda tx: tx.run(of_damaged.values(state=b"{")))
    await pass_time(clock, look, 660)
    assert statuses(await now(service.runs, other)) == {"fpga": "failed"}


async def test_it_waits_as_long_as_somebody_could_take_it(service: Service, look: Look, clock: Clock) -> None:
    """Also somebody who drains; the time begins when the last one is gone."""
    run = await started(service.runs, task("gpu", runtime=GPU))
    player = Player(service.jobs, labels={"gpu": "x"}, slots=0)
    await player.sync()
    await service.fleet.want(ExecutorId("e1"), Wish(wanted=Wanted.DRAIN))
    for _ in range(40):
        await pass_time(clock, look, 30)
        await player.sync()
    await pass_time(clock, look, 659)
    assert statuses(await now(service.runs, run)) == {"gpu": "notstarted"}
    await pass_time(clock, look, 1)
    assert statuses(await now(service.runs, run)) == {"gpu": "failed"}


async def test_nobody_is_missed_who_could_not_be_heard(
    service: Service, open_service: Callable[[], Awaitable[RunserviceService]], clock: Clock
) -> None:
    """After a start, and after a pause of the process, the whole time is waited once more."""
    run = await started(service.runs, task("gpu", runtime=GPU))
    await Player(service.jobs, labels={"gpu": "x"}, slots=0).sync()
    clock.advance(3600)  # nobody was there to hear it
    look = (await open_service()).fleet.unclaimable.look
    await look()
    await pass_time(clock, look, 600)
    assert statuses(await now(service.runs, run)) == {"gpu": "notstarted"}
    clock.advance(3600)  # the machine has slept
    await look()
    await pass_time(clock, look, 659)
    assert statuses(await now(service.runs, run)) == {"gpu": "notstarted"}
    await pass_time(clock, look, 1)
    assert statuses(await now(service.runs, run)) == {"gpu": "failed"}


async def test_more_than_a_hundred_fail(service: Service, look: Look, clock: Clock) -> None:
    """In several transactions of one look; those behind them are passed over."""
    tasks = [task(f"t{i}", runtime=GPU, ignore_failure=True) for i in range(120)]
    run = await started(service.runs, *tasks)
    await pass_time(clock, look, 661)
    assert set(statuses(await now(service.runs, run)).values()) == {"failed"}


async def test_another_attempt_has_its_own_time(service: Service, look: Look, clock: Clock) -> None:
    """A task that may be tried again waits for an executor once more."""
    run = await started(service.runs, task("gpu", runtime=GPU, retry=Retry(attempts=2)))
    await pass_time(clock, look, 661)
    (again,) = (await now(service.runs, run)).tasks
    assert (again.attempt, again.status, again.past[0].reason) == (2, "notstarted", REASON)
    await pass_time(clock, look, 601)
    assert (await now(service.runs, run)).result is Result.FAILED
