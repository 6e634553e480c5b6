"""F5 and F6: schedulers that die between decision and start, two of them, and clocks that disagree."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from tests.conftest import OpenDatabase
from tests.faults.checking import MIGRATIONS, check
from tests.faults.installation import SEED
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import Player, create, now, plan, task
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.runservice import QueuedGroups, Runservice, StartRun
from tidemill.core.plan import Concurrency, Plan, Retry, Superseded
from tidemill.core.run import Phase, Result, Run, RunId
from tidemill.errors import Unavailable
from tidemill.kit.carriers import coded
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.db.agreed_clock import AgreedClock, ticking
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import Loop, run_loops
from tidemill.services.runservice import RunserviceService
from tidemill.services.scheduler import SchedulerService
from tidemill.settings import RunserviceSettings

pytestmark = pytest.mark.anyio

SECONDS = 30


class Killed(Exception):
    """The process of a scheduler is gone."""


class Cut:
    """A runservice as a scheduler sees it that is killed when it starts a run: before it asks, or before it hears."""

    def __init__(self, runs: Runservice, *, is_asked: bool) -> None:
        self._runs = runs
        self._is_asked = is_asked

    async def queued_groups(self, wait: float = 0, after: int = 0) -> QueuedGroups:
        return await self._runs.queued_groups(wait, after)

    async def start_run(self, id: RunId, request: StartRun) -> Run:
        if self._is_asked:
            await self._runs.start_run(id, request)
        raise Killed


class AwayOnce:
    """A runservice that has no answer to the first start."""

    def __init__(self, runs: Runservice) -> None:
        self.failures = 1
        self._runs = runs

    async def queued_groups(self, wait: float = 0, after: int = 0) -> QueuedGroups:
        return await self._runs.queued_groups(wait, after)

    async def start_run(self, id: RunId, request: StartRun) -> Run:
        if self.failures:
            self.failures -= 1
            raise Unavailable("for a moment")
        return await self._runs.start_run(id, request)


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return await open_database("runservice", MIGRATIONS)


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., RunserviceService]:
    """Makes a runservice on a database, with a clock of its own."""

    def make(database: Database, bells: Bells, clock: Callable[[], datetime]) -> RunserviceService:
        objects = Objects.open((tmp_path / "objects").as_uri())
        settings = RunserviceSettings()
        values = KnownValues()
        return RunserviceService(
            settings, database, objects, bells, values, clock=clock, new_id=lambda: str(uuid4())
        )

    return make


@pytest.mark.parametrize("is_asked", [False, True], ids=["before it asks", "before it hears"])
async def test_a_scheduler_is_killed_between_decision_and_start(
    database: Database, serve: Callable[..., RunserviceService], is_asked: bool
) -> None:
    """The next one starts what is not started, and nothing beside what is."""
    runs = coded(Runservice, serve(database, Bells(), lambda: datetime.now(UTC)))
    first, second = await create(runs, plan(), plan())
    other = (await create(runs, group="/project/p1/branch/other"))[0]
    with pytest.raises(ExceptionGroup, check=lambda group: group.subgroup(Killed) is not None):
        await SchedulerService(Cut(runs, is_asked=is_asked)).start_queued()
    await SchedulerService(runs).start_queued()
    assert {(await now(runs, run)).phase for run in (first, other)} == {Phase.RUNNING}
    assert (await now(runs, second)).phase is Phase.QUEUED
    await check(database, is_over=False)


async def test_a_start_that_failed_is_tried_again_though_nothing_changes(
    database: Database, serve: Callable[..., RunserviceService]
) -> None:
    """Nobody has to push again for it."""
    runs = coded(Runservice, serve(database, Bells(), lambda: datetime.now(UTC)))
    (run,) = await create(runs, plan())
    scheduler = SchedulerService(AwayOnce(runs))
    with anyio.fail_after(5):
        await scheduler.start_queued()
        await scheduler.start_queued()
    assert (await now(runs, run)).phase is Phase.RUNNING


class Machine:
    """A runservice and a scheduler whose clock is *minutes* off."""

    def __init__(self, service: RunserviceService, loops: list[Loop]) -> None:
        self.service = service
        self.runs = coded(Runservice, service)
        self.jobs = coded(Jobs, service)
        self.loops = [*service.loops(), *SchedulerService(self.runs).loops(), *loops]


@pytest.fixture
async def machines(
    open_database: OpenDatabase, serve: Callable[..., RunserviceService]
) -> AsyncIterator[list[Machine]]:
    """Two on one database, their clocks ten minutes apart."""
    bells, made = Bells(), []
    for minutes in (-5, 5):
        database = await open_database("runservice", MIGRATIONS)
        clock = AgreedClock(database, lambda minutes=minutes: ticking() + 60 * minutes)
        await clock.put_right()
        made.append(Machine(serve(database, bells, clock), []))
    work = asyncio.ensure_future(run_loops([loop for machine in made for loop in machine.loops]))
    yield made
    work.cancel()
    await asyncio.wait([work], timeout=5)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_clocks_that_are_ten_minutes_apart(machines: list[Machine], database: Database) -> None:
    """Nothing is over before its time, nobody counts as gone, and each task is executed once."""
    chance = random.Random(SEED)
    made = []
    for number in range(12):
        runs = chance.choice(machines).runs
        made += await create(runs, _timed(number), group=f"/project/p1/branch/b{number % 4}")
    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as workers:
            for number in range(3):
                workers.start_soon(_work, machines, f"e{number}", chance)
            async with anyio.create_task_group() as people:
                for run in made:
                    people.start_soon(_approved, chance.choice(machines).runs, run)
            workers.cancel_scope.cancel()
    final = [await now(machines[0].runs, run) for run in made]
    assert [(run.result, run.reason) for run in final] == [(Result.SUCCESS, "")] * len(made)
    assert {task.attempt for run in final for task in run.tasks} == {1}
    await check(database)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_run_that_one_starts_is_not_too_old_for_the_other(machines: list[Machine]) -> None:
    """A time limit of a minute is a minute, though the clock of who looks is ten minutes ahead."""
    slow, fast = machines
    (run,) = await create(slow.runs, _timed(1))
    await SchedulerService(slow.runs).start_queued()
    await fast.service._timing.look()
    assert (await now(fast.runs, run)).phase is Phase.RUNNING


def _timed(number: int) -> Plan:
    """A run with every kind of time limit, each shorter than the clocks are apart."""
    tasks = (
        task("first", retry=Retry(attempts=2)),
        task("second", "first", approval=True, approval_expires=60.0),
    )
    concurrency = Concurrency(group="deploy", superseded=Superseded.QUEUE) if number % 3 == 0 else None
    return Plan(name="run", tasks=tasks, timeout=60.0, concurrency=concurrency)


async def _work(machines: list[Machine], name: str, chance: random.Random) -> None:
    """An executor that asks now one and now the other, and ends what it gets."""
    player = Player(machines[0].jobs, id=name, slots=2)
    while True:
        player.jobs = chance.choice(machines).jobs
        await player.work_off()
        await player.sync(wait=1)


async def _approved(runs: Runservice, run: Run) -> None:
    """Follow a run to its end, and approve what waits for it on the way."""
    async for _ in await runs.follow_run(run.id):
        seen = await now(runs, run)
        for one in seen.tasks:
            if one.waiting_approval and not one.approved:
                await runs.approve_task(run.id, one.id, "somebody")
