"""The scheduler on a real runservice: one running run per group, first come first served."""

import asyncio
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.conftest import Clock, OpenDatabase
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import GROUP, Player, create, now, plan
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.runservice import QueuedGroup, QueuedGroups, Runservice, StartRun
from tidemill.core.job import Outcome
from tidemill.core.plan import Concurrency, Superseded
from tidemill.core.run import Phase, Result, Run, RunId
from tidemill.kit.carriers import coded
from tidemill.kit.coord import Bells
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import run_loops
from tidemill.services.runservice import RunserviceService
from tidemill.services.scheduler import SchedulerService
from tidemill.services.scheduler.policy import next_of
from tidemill.settings import RunserviceSettings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def whole(open_database: OpenDatabase, tmp_path: Path, clock: Clock) -> RunserviceService:
    """A runservice on each kind of database."""
    db = await open_database("runservice", "tidemill.services.runservice.migrations")
    objects = Objects.open((tmp_path / "objects").as_uri())
    return RunserviceService(
        RunserviceSettings(), db, objects, Bells(), KnownValues(), clock=clock, new_id=lambda: str(uuid4())
    )


@pytest.fixture
def runs(whole: RunserviceService) -> Runservice:
    return coded(Runservice, whole)


async def until_final(runs: Runservice, run: Run) -> Run:
    """The run once it is final, by following it."""
    stream = await runs.follow_run(run.id)
    async with asyncio.timeout(10):
        async for _ in stream:
            pass
    return await now(runs, run)


async def test_runs_of_a_group_go_one_after_the_other(runs: Runservice, whole: RunserviceService) -> None:
    """In the order of their creation; the next starts when the one before has ended, without delay."""
    made = await create(runs, *([plan()] * 5))
    scheduler = SchedulerService(runs)
    loops = asyncio.ensure_future(run_loops(scheduler.loops()))
    worker = asyncio.ensure_future(_work(coded(Jobs, whole)))
    try:
        final = [await until_final(runs, run) for run in made]
    finally:
        loops.cancel()
        worker.cancel()
        await asyncio.wait([loops, worker], timeout=5)
    assert [run.result for run in final] == [Result.SUCCESS] * 5
    changes = [event for event in await whole._db.events(0) if event.kind == "run"]
    phases = [(event.key, event.payload.decode().split('"phase":"')[1].split('"')[0]) for event in changes]
    order = [key for key, phase in phases if phase == "running"]
    assert order == [run.id for run in made]
    for earlier, later in pairwise(made):
        assert phases.index((earlier.id, "finished")) < phases.index((later.id, "running"))


async def _work(jobs: Jobs) -> None:
    """An executor that finishes whatever it gets."""
    player = Player(jobs)
    while True:
        await player.work_off()
        await player.sync(wait=20)


async def test_groups_do_not_wait_for_each_other(runs: Runservice) -> None:
    """Twenty queued runs of as many groups start in one pass."""
    made = [(await create(runs, group=f"/project/p1/branch/b{i}"))[0] for i in range(20)]
    await SchedulerService(runs).start_queued()
    assert {(await now(runs, run)).phase for run in made} == {Phase.RUNNING}


async def test_two_schedulers_start_one_run(runs: Runservice) -> None:
    """Whoever loses the race goes on as if nothing had happened."""
    first, second = await create(runs, plan(), plan())
    one, two = SchedulerService(runs), SchedulerService(runs)
    await asyncio.gather(one.start_queued(), two.start_queued())
    assert (await now(runs, first)).phase is Phase.RUNNING
    assert (await now(runs, second)).phase is Phase.QUEUED


async def test_a_newer_run_of_a_concurrency_group_takes_over(
    runs: Runservice, whole: RunserviceService
) -> None:
    """Also from another branch: the running one is stopped, the queued one cancelled, each says by whom."""
    deploy = replace(plan(), concurrency=Concurrency(group="deploy", superseded=Superseded.CANCEL))
    other = GROUP + "2"
    scheduler, player = SchedulerService(runs), Player(coded(Jobs, whole))
    (first,) = await create(runs, deploy)
    await scheduler.start_queued()
    (job,) = await player.take()
    (second,) = await create(runs, deploy)
    (third,) = await create(runs, deploy, group=other)
    await scheduler.start_queued()
    assert ((await now(runs, second)).phase, (await now(runs, third)).phase) == (
        Phase.CANCELLED,
        Phase.QUEUED,
    )
    stopping = await now(runs, first)
    assert (stopping.phase, stopping.stopping) == (Phase.RUNNING, True)
    reasons = {stopping.reason, (await now(runs, second)).reason}
    assert reasons == {"superseded by run #3 (concurrency group deploy)"}
    await player.sync()
    await player.finish(job, Outcome.STOPPED)
    await scheduler.start_queued()
    assert (await now(runs, first)).result is Result.STOPPED
    assert (await now(runs, third)).phase is Phase.RUNNING


class Changing(Runservice):
    """A runservice that answers what was true a moment ago."""

    def __init__(self, real: Runservice, seen: QueuedGroups) -> None:
        self._real = real
        self._seen = seen

    async def queued_groups(self, wait: float = 0, after: int = 0) -> QueuedGroups:
        return self._seen

    async def start_run(self, id: RunId, request: StartRun) -> Run:
        return await self._real.start_run(id, request)


async def test_a_stale_view_starts_nothing(runs: Runservice) -> None:
    """Run cancelled, group changed, run unknown: each is looked at again instead."""
    first, second = await create(runs, plan(), plan())
    seen = await runs.queued_groups()
    await runs.cancel_run(first.id)
    await SchedulerService(Changing(runs, seen)).start_queued()
    assert (await now(runs, second)).phase is Phase.QUEUED
    ghost = QueuedGroup(group=GROUP, queued=(RunId("ghost"),), running=(), token="1")
    await SchedulerService(Changing(runs, QueuedGroups((ghost,)))).start_queued()
    await SchedulerService(runs).start_queued()
    assert (await now(runs, second)).phase is Phase.RUNNING


@pytest.mark.parametrize(
    ("queued", "running", "expected"),
    [((), (), None), (("a", "b"), (), "a"), (("a",), ("r",), None), ((), ("r",), None)],
)
def test_the_oldest_starts_if_none_is_running(
    queued: tuple[RunId, ...], running: tuple[RunId, ...], expected: str | None
) -> None:
    """As far as only its own group is concerned."""
    assert next_of(QueuedGroup(group="/g", queued=queued, running=running, token="1")) == expected
