"""Following a run and waiting for queued groups: prompt by bells, complete without them."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.services.runservice.playing import GROUP, Player, Service, create, now, plan, start, started, task
from tidemill.core.run import Phase, Run

pytestmark = pytest.mark.anyio


async def line(stream: AsyncIterator[bytes]) -> Run:
    """The next line of a followed run."""
    return msgspec.json.decode(await asyncio.wait_for(anext(stream), 5), type=Run)


async def test_a_followed_run_shows_each_change(service: Service) -> None:
    """First as it is, then after each change, and the stream ends with its final state."""
    (run,) = await create(service.runs)
    stream = await service.runs.follow_run(run.id)
    assert await line(stream) == run
    await start(service.runs, run.id)
    assert (await line(stream)).phase is Phase.RUNNING
    player = Player(service.jobs)
    (job,) = await player.take()
    assert (await line(stream)).tasks[0].status == "running"
    await player.finish(job)
    last = await line(stream)
    assert last == await now(service.runs, run)
    assert last.phase is Phase.FINISHED
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_final_run_is_one_line(service: Service) -> None:
    """There is nothing to wait for."""
    (run,) = await create(service.runs)
    await service.runs.cancel_run(run.id)
    stream = await service.runs.follow_run(run.id)
    assert (await line(stream)).phase is Phase.CANCELLED
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_queued_groups_tell_what_a_scheduler_needs(service: Service) -> None:
    """Groups with queued runs only, oldest first, with what is running in each."""
    running = await started(service.runs)
    first, _ = await create(service.runs, plan(), plan(task("x")))
    (other,) = await create(service.runs, group="/project/p2/branch/main")
    await started(service.runs, group="/project/p3/branch/main")
    main, rest = (await service.runs.queued_groups()).groups
    assert (main.group, main.queued, main.running) == (GROUP, (first.id,), (running.id,))
    assert (rest.queued, rest.running) == ((other.id,), ())


async def test_a_change_between_two_questions_is_not_missed(service: Service) -> None:
    """The version tells: a question about what is known waits, any other is answered at once."""
    known = await service.runs.queued_groups()
    waiting = asyncio.ensure_future(service.runs.queued_groups(wait=20, after=known.version))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    await create(service.runs)
    found = await asyncio.wait_for(waiting, 5)
    assert len(found.groups) == 1
    await create(service.runs, group="/project/p2/branch/main")
    again = await asyncio.wait_for(service.runs.queued_groups(wait=20, after=found.version), 5)
    assert len(again.groups) == 2


async def test_the_end_of_a_run_is_a_change(service: Service) -> None:
    """The next of the group can start without delay."""
    run = await started(service.runs)
    (following,) = await create(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    known = await service.runs.queued_groups()
    waiting = asyncio.ensure_future(service.runs.queued_groups(wait=20, after=known.version))
    await asyncio.sleep(0)
    await player.finish(job)
    (group,) = (await asyncio.wait_for(waiting, 5)).groups
    assert (group.queued, group.running) == ((following.id,), ())
    assert (await now(service.runs, run)).phase is Phase.FINISHED
