"""Jobs are claimed by what they ask for: it is the pure function that chooses, on both databases."""

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from tests.conftest import Clock
from tests.core.test_placement import demands as some_demands
from tests.core.test_placement import offers as some_offers
from tests.services.runservice.playing import Player, Service, now, started, statuses, task
from tidemill.contracts.jobs import ExecutorInfo, SyncRequest
from tidemill.core.job import ExecutorId
from tidemill.core.placement import Demand, Offer, suits
from tidemill.core.plan import Container, Resources, Runtime
from tidemill.kit.db import Database
from tidemill.services.runservice.service import RunserviceService
from tidemill.services.runservice.store.tables import jobs

pytestmark = pytest.mark.anyio

GPU = Runtime(type="host", labels={"gpu": ""})
DEADLINE = 10


def runtime_of(demand: Demand) -> Runtime:
    return Runtime(
        type=demand.runtime,
        arch=demand.arch,
        labels=demand.labels,
        containers=(Container(privileged=demand.privileged),),
        resources=demand.resources,
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(some_demands, min_size=1, max_size=6), offer=some_offers, number=st.uuids())
async def test_what_is_claimed_is_what_suits(
    whole: RunserviceService, wanted: list[Demand], offer: Offer, number: object
) -> None:
    """An executor with slots enough gets all tasks that it suits and that fit in beside each other."""
    tasks = [task(f"t{i}", runtime=runtime_of(demand)) for i, demand in enumerate(wanted)]
    run = await started(whole, *tasks, group=f"/project/{number}/branch/main")
    info = ExecutorInfo(
        id=ExecutorId(str(number)),
        slots=10,
        runtimes=offer.runtimes,
        arch=offer.arch,
        labels=offer.labels,
        allow_privileged=offer.allow_privileged,
        resources=offer.resources,
    )
    claimed = {spec.task.name for spec in (await whole.sync(SyncRequest(executor=info))).start}
    left, expected = offer.resources, set[str]()
    for one, demand in zip(tasks, wanted, strict=True):
        asked = demand.resources
        fits = all(
            have is None or (need or 0) <= have
            for need, have in ((asked.cpu, left.cpu), (asked.memory, left.memory))
        )
        if suits(demand, offer) and fits:
            expected.add(one.name)
            left = Resources(
                cpu=None if left.cpu is None else left.cpu - (asked.cpu or 0),
                memory=None if left.memory is None else left.memory - (asked.memory or 0),
            )
    assert claimed == expected
    await whole.stop_run(run.id)
    everything = ExecutorInfo(id=info.id, slots=10, runtimes=())
    await whole.sync(SyncRequest(executor=everything))


async def test_a_job_that_suits_nobody_bars_nobody(service: Service) -> None:
    """Younger jobs that suit are taken past it, and it is taken once somebody comes that suits."""
    run = await started(service.runs, task("gpu", runtime=GPU), task("any"))
    player = Player(service.jobs)
    assert [player.specs[job].task.name for job in await player.take()] == ["any"]
    other = Player(service.jobs, id="e2", labels={"gpu": "a100"})
    assert [other.specs[job].task.name for job in await other.take()] == ["gpu"]
    assert set(statuses(await now(service.runs, run)).values()) == {"running"}


async def test_resources_are_counted_over_jobs(service: Service) -> None:
    """What is at work takes part of what an executor states; it comes back with the end of the job."""
    heavy = Runtime(type="host", resources=Resources(cpu=2000))
    await started(service.runs, task("a", runtime=heavy), task("b", runtime=heavy), task("light"))
    player = Player(service.jobs, resources=Resources(cpu=3000))
    first = await player.take()
    assert [player.specs[job].task.name for job in first] == ["a", "light"]
    await player.sync()
    player.end(first[0])
    assert [spec.task.name for spec in (await player.sync()).start] == ["b"]


async def test_many_demands_are_asked_in_several_questions(whole: RunserviceService) -> None:
    """More than fit into one, each served by its age."""
    tasks = [task(f"t{i:03}", runtime=Runtime(type="host", labels={f"l{i}": ""})) for i in range(120)]
    await started(whole, *tasks)
    labels = {f"l{i}": "x" for i in range(0, 120, 2)}
    claimed = (await Player(whole, slots=40, labels=labels).sync()).start
    assert [spec.task.name for spec in claimed] == [f"t{i:03}" for i in range(0, 80, 2)]


async def waiting(service: RunserviceService, *players: Player) -> None:
    """Until these executors wait for jobs."""
    with anyio.fail_after(DEADLINE):
        while {player.id for player in players} - service.answering.waiting.keys():
            await anyio.lowlevel.checkpoint()


async def synced(player: Player) -> None:
    """A sync that waits for jobs."""
    await player.sync(wait=DEADLINE)


async def test_jobs_go_to_the_executor_with_more_room(whole: RunserviceService) -> None:
    """One that is half full leaves the only job to one that is empty and waits too."""
    full, empty = Player(whole, id="full", slots=2), Player(whole, id="empty", slots=2)
    await started(whole, task("first"))
    await full.take()
    async with anyio.create_task_group() as group:
        group.start_soon(synced, full)
        await waiting(whole, full)
        group.start_soon(synced, empty)
        await waiting(whole, full, empty)
        await started(whole, task("second"), group="/project/p2/branch/main")
        with anyio.fail_after(DEADLINE):
            while not empty.reports:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert len(full.reports) == 1


async def test_jobs_are_shared_out(whole: RunserviceService) -> None:
    """Two empty executors that wait get half of the jobs each."""
    players = [Player(whole, id=name, slots=4) for name in ("one", "two")]
    async with anyio.create_task_group() as group:
        for player in players:
            group.start_soon(synced, player)
        await waiting(whole, *players)
        await started(whole, *[task(f"t{i}") for i in range(4)])
    assert [len(player.reports) for player in players] == [2, 2]


async def test_what_was_left_to_somebody_who_does_not_come_is_taken(whole: RunserviceService) -> None:
    """Leaving jobs to others is a courtesy of some milliseconds: nothing waits because of it."""
    ghost = Player(whole, id="ghost", slots=8)
    player = Player(whole, slots=2)
    async with anyio.create_task_group() as group:
        group.start_soon(synced, ghost)
        await waiting(whole, ghost)
        room = whole.answering.waiting[ExecutorId("ghost")]
        group.cancel_scope.cancel()
    whole.answering.waiting[ExecutorId("ghost")] = room
    await started(whole, task("first"), task("second"))
    with anyio.fail_after(DEADLINE):
        await player.sync(wait=DEADLINE)
        while len(player.reports) < 2:
            await player.sync(wait=DEADLINE)


async def test_what_older_processes_have_queued_is_completed(
    whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """It has no demand, and gets the one that its plan says; then it is claimed by it."""
    await started(whole, task("gpu", runtime=GPU), task("any"))
    await db.do(lambda tx: tx.run(update(jobs).values(demand=None, queued_at=clock.now)))
    player = Player(whole)
    assert not (await player.sync()).start
    await whole.fleet.complete_jobs()
    assert [spec.task.name for spec in (await player.sync()).start] == ["any"]
    await db.do(lambda tx: tx.run(update(jobs).values(demand=None)))
    assert [one.jobs for one in (await whole.fleet.executors()).executors] == [1]


async def test_older_processes_claim_nothing_that_asks_for_more(
    whole: RunserviceService, db: Database
) -> None:
    """They go by the runtime and the architecture alone, so what has labels has no runtime for them."""
    await started(whole, task("gpu", runtime=GPU), task("any"))
    seen = await db.read(lambda tx: tx.all(select(jobs.c.runtime).order_by(jobs.c.position)))
    assert [row.runtime for row in seen] == ["", "host"]
