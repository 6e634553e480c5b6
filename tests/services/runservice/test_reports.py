"""Test reports: kept with their task, by who holds the job, those of the latest attempt."""

import pytest

from tests.services.runservice.playing import Player, Service, started, task
from tidemill.core.job import Outcome
from tidemill.core.plan import Retry, SaveReports
from tidemill.core.reports import FailedCase, Reported
from tidemill.core.run import Run, RunId
from tidemill.errors import BadRequest, Conflict, NotFound

pytestmark = pytest.mark.anyio

STEPS = (SaveReports(), SaveReports())
BAD = FailedCase(kind="failure", name="nul \0 and \x1b", text="ü" * 4000)


@pytest.fixture
def player(service: Service) -> Player:
    return Player(service.jobs)


async def told(service: Service, run: Run) -> list[tuple[int, int, int]]:
    """Step, attempt and number of tests."""
    found = (await service.runs.tests(run.id)).steps
    return [(one.step, one.attempt, one.reported.tests) for one in found]


async def test_they_are_kept_as_they_were_told(service: Service, player: Player) -> None:
    """Telling again replaces what a step has told."""
    run = await started(service.runs, task(steps=STEPS))
    (job,) = await player.take()
    await service.jobs.save_reports(job, 1, 1, Reported(tests=1))
    await service.jobs.save_reports(job, 1, 0, Reported(tests=2))
    full = Reported(files=1, tests=3, failures=1, skipped=1, seconds=0.5, failed=(BAD,))
    await service.jobs.save_reports(job, 1, 0, full)
    assert await told(service, run) == [(0, 1, 3), (1, 1, 1)]
    assert (await service.runs.tests(run.id)).steps[0].reported == full


async def test_a_later_attempt_replaces_them_all(service: Service, player: Player) -> None:
    """Once it tells anything."""
    run = await started(service.runs, task(steps=STEPS, retry=Retry(attempts=2)))
    (job,) = await player.take()
    for step in (0, 1):
        await service.jobs.save_reports(job, 1, step, Reported(tests=1))
    await player.finish(job, Outcome.FAILED)
    await player.take()
    assert await told(service, run) == [(0, 1, 1), (1, 1, 1)]
    await service.jobs.save_reports(job, player.specs[job].generation, 0, Reported(tests=2))
    assert await told(service, run) == [(0, 2, 2)]


async def test_only_who_holds_the_job_tells(service: Service, player: Player) -> None:
    """And only of a step that is meant to."""
    run = await started(service.runs, task(steps=(*STEPS, *task().steps)))
    (job,) = await player.take()
    for step in (-1, 2, 3, (1 << 31) - 1):
        with pytest.raises(BadRequest):
            await service.jobs.save_reports(job, 1, step, Reported())
    with pytest.raises(Conflict) as refusal:
        await service.jobs.save_reports(job, 2, 0, Reported())
    assert refusal.value.code == "fenced"
    assert await told(service, run) == []


async def test_an_unknown_run_has_none(service: Service) -> None:
    """It is not found."""
    with pytest.raises(NotFound):
        await service.runs.tests(RunId("none"))
