"""Tasks that are tried again: each attempt a job of a new generation, with logs of its own."""

from datetime import timedelta

import pytest

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, now, started, statuses, task
from tidemill.core.job import JobId, Outcome, attempt_of
from tidemill.core.plan import Retry, RetryOn
from tidemill.core.run import Phase, Result, Run, TaskId
from tidemill.errors import Conflict, NotFound
from tidemill.services.runservice import RunserviceService

pytestmark = pytest.mark.anyio


async def text(service: Service, job: JobId, attempt: int = 0, *, follow: bool = False) -> bytes:
    stream = await service.logs.read_log(TaskId(job), 0, follow=follow, attempt=attempt)
    return b"".join([block async for block in stream])


async def taken(player: Player) -> JobId:
    """The one job there is, running; whoever has told of an attempt's end may have the next already."""
    await player.take()
    (job,) = player.reports
    return job


async def attempt(player: Player, word: bytes, outcome: Outcome) -> int:
    """Take the one job there is, log a word and end it; the generation it had."""
    job = await taken(player)
    generation = player.specs[job].generation
    await player.jobs.append_log(job, generation, 0, 0, word)
    await player.finish(job, outcome)
    return generation


async def test_each_attempt_is_another_job_with_its_own_logs(service: Service) -> None:
    """The same executor gets it again at once; nothing of the first attempt is overwritten."""
    run = await started(service.runs, task(retry=Retry(attempts=3)))
    player = Player(service.jobs)
    first = await attempt(player, b"one", Outcome.FAILED)
    job = JobId(run.tasks[0].id)
    assert await text(service, job) == b""
    assert await text(service, job, 1) == b"one"
    second = await attempt(player, b"two", Outcome.SUCCESS)
    assert (attempt_of(first), attempt_of(second)) == (1, 2)
    after = await now(service.runs, run)
    assert (after.phase, after.result) == (Phase.FINISHED, Result.SUCCESS)
    assert [past.number for past in after.tasks[0].past] == [1]
    assert [await text(service, job, number) for number in (0, 1, 2)] == [b"two", b"one", b"two"]
    with pytest.raises(NotFound) as absent:
        await text(service, job, 3)
    assert absent.value.code == "logDoesNotExist"


async def test_an_attempt_that_is_over_is_fenced(service: Service) -> None:
    """Who still works on the first one can add nothing, neither to its log nor to the next one's."""
    await started(service.runs, task(retry=Retry(attempts=2)))
    player = Player(service.jobs)
    first = await attempt(player, b"one", Outcome.FAILED)
    job = await taken(player)
    with pytest.raises(Conflict) as fenced:
        await service.jobs.append_log(job, first, 0, 3, b"more")
    assert fenced.value.code == "fenced"
    assert await text(service, job, 1, follow=True) == b"one"


async def test_a_lost_executor_costs_an_attempt(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Another executor does it again; the first one, back, is told that it is fenced."""
    run = await started(service.runs, task(retry=Retry(attempts=2, on=(RetryOn.LOST,))))
    silent, other = Player(service.jobs, id="silent"), Player(service.jobs, id="other")
    (job,) = await silent.take()
    for _ in range(8):
        await whole.leases.look()
        clock.now += timedelta(seconds=15)
        await other.sync()
    assert [past.status for past in (await now(service.runs, run)).tasks[0].past] == ["lost"]
    await silent.sync()
    assert silent.fenced == [job]
    await other.work_off()
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def failed_with_a_pause(service: Service, player: Player) -> Run:
    run = await started(service.runs, task(retry=Retry(attempts=2, backoff=30.0)))
    await attempt(player, b"one", Outcome.FAILED)
    return run


async def test_the_next_attempt_waits_for_its_time(
    service: Service, whole: RunserviceService, clock: Clock
) -> None:
    """Nobody gets a job before; then a look at the clock is all that it takes, and a second adds nothing."""
    player = Player(service.jobs)
    run = await failed_with_a_pause(service, player)
    (timed,) = [loop for loop in whole.loops() if loop.name == "timed-runs"]
    await timed.work()
    assert await player.take() == []
    assert statuses(await now(service.runs, run)) == {"task": "notstarted"}
    clock.now += timedelta(seconds=30)
    await timed.work()
    await timed.work()
    await attempt(player, b"two", Outcome.SUCCESS)
    assert (await now(service.runs, run)).result is Result.SUCCESS


async def test_a_stop_does_not_wait_for_the_time(service: Service) -> None:
    """A task between two attempts ends with the run."""
    player = Player(service.jobs)
    run = await failed_with_a_pause(service, player)
    stopped = await service.runs.stop_run(run.id, "stopped by bob")
    assert (stopped.phase, stopped.result) == (Phase.FINISHED, Result.STOPPED)
    assert (stopped.tasks[0].status, stopped.tasks[0].reason) == ("stopped", "stopped by bob")
    assert await player.take() == []


async def test_logs_of_all_attempts_are_put_away(service: Service, whole: RunserviceService) -> None:
    """Large ones too: each becomes an object of its own that is found again."""
    run = await started(service.runs, task(retry=Retry(attempts=2)))
    player = Player(service.jobs)
    words = [b"one " * 200_000, b"two " * 200_000]
    await attempt(player, words[0], Outcome.FAILED)
    await attempt(player, words[1], Outcome.FAILED)
    assert (await now(service.runs, run)).result is Result.FAILED
    await whole.put_logs_away()
    job = JobId(run.tasks[0].id)
    assert [await text(service, job, number) == word for number, word in enumerate(words, 1)] == [True, True]
