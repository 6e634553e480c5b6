"""Executors that are wanted to drain or pause, come back, are followed, deleted and forgotten."""

from collections.abc import Awaitable, Callable

import anyio
import msgspec
import pytest

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, now, started, statuses, task
from tidemill.contracts.fleet import Executor, Wanted, Wish
from tidemill.core.job import ExecutorId
from tidemill.core.plan import Resources, Retry, Runtime
from tidemill.errors import BadRequest, Conflict, NotFound
from tidemill.kit.db import Database
from tidemill.services.runservice.service import RunserviceService

pytestmark = pytest.mark.anyio

E1 = ExecutorId("e1")
DRAIN = Wish(wanted=Wanted.DRAIN, by="alice", why="a new kernel")
DEADLINE = 10


async def test_a_drained_executor_finishes_what_it_has(service: Service) -> None:
    """It is given nothing new until it is resumed, which it hears of at once."""
    await started(service.runs, task("a"), task("b"))
    player = Player(service.jobs, slots=1)
    (job,) = await player.take()
    wanted = await service.fleet.want(E1, DRAIN)
    assert (wanted.draining, wanted.jobs, wanted.wanted_by, wanted.wanted_why) == (
        True,
        1,
        "alice",
        "a new kernel",
    )
    await player.finish(job)
    assert not (await player.sync()).start
    assert (await service.fleet.executor(E1)).jobs == 0
    async with anyio.create_task_group() as group:
        group.start_soon(player.sync, DEADLINE)
        await service.fleet.want(E1, Wish(wanted=Wanted.WORK, by="alice"))
    assert len(player.reports) == 1


async def test_what_it_has_not_accepted_goes_to_others(service: Service) -> None:
    """A job that is on its way to an executor which is to drain is somebody else's."""
    await started(service.runs)
    player, other = Player(service.jobs), Player(service.jobs, id="e2")
    assert len((await service.jobs.sync(player.request())).start) == 1
    await service.fleet.want(E1, DRAIN)
    await service.jobs.sync(player.request())
    assert len(await other.take()) == 1


async def test_it_is_wanted_across_restarts(service: Service, whole: RunserviceService) -> None:
    """An executor that presents itself anew has still to drain."""
    await Player(service.jobs).sync()
    await service.fleet.want(E1, Wish(wanted=Wanted.PAUSE))
    await started(service.runs)
    assert not (await Player(service.jobs, slots=8).sync()).start
    assert (await service.fleet.executor(E1)).wanted is Wanted.PAUSE


async def test_who_follows_sees_it_become_empty(service: Service) -> None:
    """A line for each change of its jobs and of what is wanted; none for heartbeats."""
    await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    seen = []
    async with anyio.create_task_group() as group:
        stream = await service.fleet.follow_executor(E1)
        with anyio.fail_after(DEADLINE):
            async for line in stream:
                executor = msgspec.json.decode(line, type=Executor)
                seen.append((executor.draining, executor.jobs))
                if len(seen) == 1:
                    await service.fleet.want(E1, DRAIN)
                elif len(seen) == 2:
                    group.start_soon(player.finish, job)
                else:
                    break
    assert seen == [(False, 1), (True, 1), (True, 0)]


async def test_the_stream_of_a_deleted_one_ends(service: Service, clock: Clock) -> None:
    """There is nothing to follow any more."""
    await Player(service.jobs).sync()
    stream = await service.fleet.follow_executor(E1)
    lines = [await anext(aiter(stream))]
    clock.advance(3600)
    await service.fleet.forget_executor(E1)
    with anyio.fail_after(DEADLINE):
        lines += [line async for line in stream if line.strip()]
    assert len(lines) <= 2
    with pytest.raises(NotFound):
        await service.fleet.follow_executor(E1)


async def test_one_that_is_online_is_not_deleted(service: Service) -> None:
    """Its jobs would go on; nor is one that nobody knows."""
    await Player(service.jobs).sync()
    with pytest.raises(Conflict, match="online"):
        await service.fleet.forget_executor(E1)
    for call in (service.fleet.executor, service.fleet.forget_executor, service.fleet.follow_executor):
        with pytest.raises(NotFound) as absent:
            await call(ExecutorId("none"))
        assert absent.value.code == "executorDoesNotExist"
    with pytest.raises(NotFound):
        await service.fleet.want(ExecutorId("none"), DRAIN)


async def test_the_jobs_of_a_deleted_one_are_lost_and_fenced(service: Service, clock: Clock) -> None:
    """What it says of them later changes nothing, and it may come back as a new one."""
    run = await started(service.runs, task("again", retry=Retry(attempts=2)), task("lost"))
    player = Player(service.jobs)
    await player.take()
    clock.advance(61)
    await service.fleet.forget_executor(E1)
    found = await now(service.runs, run)
    assert statuses(found)["lost"] == "lost"
    assert found.tasks[1].reason == "its executor e1 was deleted"
    jobs = list(player.reports)
    await player.sync()
    assert sorted(player.fenced) == sorted(jobs)
    assert (await service.fleet.executor(E1)).online


async def test_silent_ones_are_forgotten(service: Service, whole: RunserviceService, clock: Clock) -> None:
    """After some days, when they have no jobs; one that is paused is expected back."""
    for name in ("idle", "paused", "busy", "there"):
        await Player(service.jobs, id=name).sync()
    await service.fleet.want(ExecutorId("paused"), Wish(wanted=Wanted.PAUSE))
    await started(service.runs)
    await Player(service.jobs, id="busy").take()
    clock.advance(8 * 86_400)
    await whole.fleet.forget_silent()
    await Player(service.jobs, id="there").sync()
    clock.advance(300)
    await whole.fleet.forget_silent()
    assert [one.id for one in (await service.fleet.executors()).executors] == ["busy", "paused", "there"]


async def test_nobody_is_forgotten_who_could_not_be_heard(
    service: Service, open_service: Callable[[], Awaitable[RunserviceService]], clock: Clock
) -> None:
    """A server that was away for weeks hears its executors first: a drained one is still drained."""
    await Player(service.jobs).sync()
    await service.fleet.want(E1, DRAIN)
    clock.advance(30 * 86_400)
    again = await open_service()
    await again.fleet.forget_silent()
    await Player(service.jobs).sync()
    assert (await service.fleet.executor(E1)).wanted is Wanted.DRAIN


async def test_they_are_listed_in_pages(service: Service) -> None:
    """By name and id, each once, with what their jobs have asked for."""
    heavy = Runtime(type="host", resources=Resources(cpu=1500, memory=7))
    await started(service.runs, task("a", runtime=heavy), task("b", runtime=heavy))
    offered = Resources(cpu=4000, memory=100)
    for name in ("e2", "e1", "e3"):
        await Player(service.jobs, id=name, resources=offered).sync()
    first = await service.fleet.executors_page(limit=2)
    rest = await service.fleet.executors_page(first.cursor, 2)
    assert [one.id for one in (*first.items, *rest.items)] == ["e1", "e2", "e3"]
    assert rest.cursor == ""
    assert [one.used for one in (*first.items, *rest.items)] == [
        Resources(cpu=0, memory=0),
        Resources(cpu=3000, memory=14),
        Resources(cpu=0, memory=0),
    ]
    for cursor in ("???", "WzFd", "WyJhIl0="):
        with pytest.raises(BadRequest):
            await service.fleet.executors_page(cursor)


async def test_demands_of_nobody_are_forgotten(
    service: Service, whole: RunserviceService, db: Database, clock: Clock
) -> None:
    """A day after they were last asked for; a job that asks for one again gets on."""
    await started(service.runs)
    player = Player(service.jobs)
    await player.work_off()
    clock.advance(2 * 86_400)
    await whole.fleet.forget_silent()
    await started(service.runs, group="/project/p2/branch/main")
    assert len((await player.sync()).start) == 1
