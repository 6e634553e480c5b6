"""Silent executors: their jobs are lost after a lease and its grace, and never because of us."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, now, started, statuses, task
from tidemill.core.job import ExecutorId, Outcome
from tidemill.core.run import Phase, Result, StepPhase, StepState
from tidemill.errors import Conflict
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.changing import Means
from tidemill.services.runservice.leases import Leases, Losses, lose_jobs
from tidemill.services.runservice.store.plans import Plans
from tidemill.services.runservice.store.tables import tasks

pytestmark = pytest.mark.anyio

E1 = ExecutorId("e1")
SEEN = datetime(2026, 1, 1, tzinfo=UTC)


async def listen(whole: RunserviceService, clock: Clock, seconds: float) -> None:
    """Let time pass as it does for a service that looks whenever it is due."""
    while seconds > 0:
        step = min(seconds, 15.0)
        clock.advance(step)
        seconds -= step
        await whole.leases.look()


async def test_a_silent_executor_loses_its_jobs(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """After 75 s its task is lost and the run fails; what depended on it is skipped; not before."""
    run = await started(service.runs, task("a"), task("b", "a"))
    player = Player(service.jobs)
    (job,) = await player.take()
    player.change(job, steps=(StepState(phase=StepPhase.RUNNING),))
    await player.sync()
    await whole.leases.look()
    await listen(whole, clock, 74)
    assert (await now(service.runs, run)).phase is Phase.RUNNING
    await listen(whole, clock, 1)
    final = await now(service.runs, run)
    assert (final.phase, final.result) == (Phase.FINISHED, Result.FAILED)
    assert statuses(final) == {"a": "lost", "b": "skipped"}
    assert final.tasks[0].reason == "its executor e1 has gone silent"
    assert [step.phase for step in final.tasks[0].steps] == ["failed"]


async def test_a_damaged_run_saves_no_other_executor(
    service: Service, whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """Of two that are silent one has a run that cannot be read; the other loses its job all the same."""
    damaged = await started(service.runs)
    await Player(service.jobs, id="e1").take()
    other = await started(service.runs, group="/project/p2/branch/main")
    for_other = Player(service.jobs, id="e2")
    (job,) = await for_other.take()
    await for_other.sync()
    assert job == other.tasks[0].id
    of_damaged = update(tasks).where(tasks.c.id == damaged.tasks[0].id)
    await db.do(lambda tx: tx.run(of_damaged.values(state=b"{")))
    await whole.leases.look()
    await listen(whole, clock, 75)
    assert statuses(await now(service.runs, other)) == {"task": "lost"}


async def test_a_zombie_is_fenced(service: Service, whole: RunserviceService, clock: Clock) -> None:
    """Back from the dead it is told to kill its job, its log is refused, its report changes nothing."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    await whole.leases.look()
    await listen(whole, clock, 75)
    for call in (service.jobs.append_log(job, 1, 0, 0, b"late"), service.jobs.log_end(job, 1, 0)):
        with pytest.raises(Conflict) as caught:
            await call
        assert caught.value.code == "fenced"
    lost = await now(service.runs, run)
    assert (await player.sync()).fenced == (job,)
    assert await now(service.runs, run) == lost
    other = await started(service.runs)
    await player.work_off()
    assert (await now(service.runs, other)).result is Result.SUCCESS


async def test_an_unconfirmed_claim_goes_to_another(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Nothing of it has run, so the run goes on elsewhere; the silent one is fenced by the generation."""
    run = await started(service.runs)
    silent, other = Player(service.jobs), Player(service.jobs, id="e2")
    (claimed,) = (await silent.sync()).start
    await whole.leases.look()
    await listen(whole, clock, 75)
    (spec,) = (await other.sync()).start
    assert (spec.id, spec.generation) == (claimed.id, claimed.generation + 1)
    assert (await silent.sync()).fenced == (claimed.id,)
    await other.work_off()
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def test_a_word_at_the_last_moment_counts(
    service: Service, whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """Heard after it was found silent and before its jobs are taken, it keeps them."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    silent_since = (await service.fleet.executors()).executors[0].seen_at
    clock.advance(75)
    await player.sync()
    means = Means(Plans(), Bells(), timedelta(seconds=60))
    losses = await db.do(lambda tx: lose_jobs(tx, E1, silent_since, means, clock()))
    assert losses == Losses()
    await player.finish(job)
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def test_who_is_heard_keeps_its_jobs(service: Service, whole: RunserviceService, clock: Clock) -> None:
    """Syncs without any news are enough, for as long as it takes."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    for _ in range(20):
        await listen(whole, clock, 20)
        await player.sync()
    await player.finish(job)
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def test_a_clock_that_is_set_back_loses_nobody(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Nor does another instance's clock that is ahead: what was heard last seems to lie in the future."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    clock.advance(-300)
    for _ in range(10):
        await listen(whole, clock, 20)
        await player.sync()
    await player.finish(job)
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def test_a_pause_of_the_service_loses_nobody(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Stopped for an hour it could not hear; every executor then has its full time again."""
    run = await started(service.runs)
    player = Player(service.jobs)
    await player.take()
    await whole.leases.look()
    await listen(whole, clock, 60)
    clock.advance(3600)
    await whole.leases.look()
    await listen(whole, clock, 74)
    assert (await now(service.runs, run)).phase is Phase.RUNNING
    await listen(whole, clock, 1)
    assert (await now(service.runs, run)).phase is Phase.FINISHED


async def test_a_start_of_the_service_loses_nobody(
    service: Service, clock: Clock, open_service: Callable[[], Awaitable[RunserviceService]]
) -> None:
    """However long it was down, a new one listens for a full lease and its grace first."""
    run = await started(service.runs)
    await Player(service.jobs).take()
    clock.advance(100_000)
    again = await open_service()
    await again.leases.look()
    await listen(again, clock, 74)
    assert (await now(service.runs, run)).phase is Phase.RUNNING
    await listen(again, clock, 1)
    assert (await now(service.runs, run)).phase is Phase.FINISHED


async def test_two_instances_agree(
    service: Service,
    whole: RunserviceService,
    clock: Clock,
    open_service: Callable[[], Awaitable[RunserviceService]],
) -> None:
    """An executor that talks to one of them is not silent for the other."""
    other = await open_service()
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    for _ in range(8):
        clock.advance(15)
        await other.leases.look()
        await player.sync()
    await player.finish(job, Outcome.SUCCESS)
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def test_an_idle_executor_goes_offline_and_nothing_else(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Without jobs there is nothing to lose."""
    await Player(service.jobs).sync()
    await listen(whole, clock, 100)
    (executor,) = (await service.fleet.executors()).executors
    assert not executor.online


def at(seconds: float) -> datetime:
    return SEEN + timedelta(seconds=seconds)


def test_the_next_look_is_when_the_next_lease_can_end() -> None:
    """Never later than 15 s while somebody is watched, exactly at the end, and none without anybody."""
    leases = Leases(60, 15)
    assert leases.look({E1: SEEN}, at(0)) == []
    for second in range(15, 75, 15):
        assert leases.next_look() == 15
        assert leases.look({E1: SEEN}, at(second)) == []
    leases.look({E1: SEEN}, at(68))
    assert leases.next_look() == pytest.approx(7)
    assert leases.look({E1: SEEN}, at(75)) == [E1]
    assert leases.look({}, at(76)) == []
    assert leases.next_look() is None
    assert not leases.is_watching


def test_only_time_that_was_listened_to_counts() -> None:
    """A look that comes late, a clock set back, and a new word each begin or hold the count."""
    leases = Leases(10, 5)
    leases.look({E1: SEEN}, at(0))
    leases.next_look()
    assert leases.look({E1: SEEN}, at(14)) == []
    leases.next_look()
    assert leases.look({E1: SEEN}, at(-100)) == []  # set back: counts nothing
    leases.next_look()
    assert leases.look({E1: at(0.5)}, at(-99)) == []  # heard
    leases.next_look()
    assert leases.look({E1: at(0.5)}, at(500)) == []  # asleep for ten minutes
    leases.next_look()
    assert leases.look({E1: at(0.5)}, at(515)) == [E1]
