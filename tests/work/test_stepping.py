"""Steps that are passed over, that have a time of their own, that may fail, that are done in any case."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from tests.work.places import Place, job, run
from tidemill.core.job import JobReport, Outcome
from tidemill.core.run import StepPhase
from tidemill.pods.fake import FakeDriver

pytestmark = pytest.mark.anyio

SUCCESS, FAILED, STOPPED = StepPhase.SUCCESS, StepPhase.FAILED, StepPhase.STOPPED
SKIPPED, NOT_STARTED = StepPhase.SKIPPED, StepPhase.NOT_STARTED


def phases(report: JobReport) -> list[StepPhase]:
    return [step.phase for step in report.steps]


async def test_a_step_with_a_reason_to_skip_is_passed_over(place: Place, driver: FakeDriver) -> None:
    """Nothing of it runs, it has no log, and the job goes on as if it were not there."""
    report = await place.done(job("echo one", run("echo two", skip="skipped: not here"), "echo three"))
    assert (report.outcome, phases(report)) == (Outcome.SUCCESS, [SUCCESS, SKIPPED, SUCCESS])
    assert len(driver.executed) == 2
    assert place.store.log(1) == b""


async def test_a_step_has_a_time_of_its_own(place: Place) -> None:
    """It is killed and failed, its log and its job say why, and the job has not timed out."""
    report = await place.done(job(run("echo begun\nwait for-ever", timeout=0.05), "echo never"))
    assert (report.outcome, report.timed_out) == (Outcome.FAILED, False)
    assert report.reason == "step 1: the step's time limit of 0.05 s is over"
    assert phases(report) == [FAILED, NOT_STARTED]
    assert report.steps[0].reason == "the step's time limit of 0.05 s is over"
    assert report.steps[0].exit_code is None
    assert place.store.log(0) == b"begun\n\nthe step's time limit of 0.05 s is over\n"


async def test_a_step_says_why_it_was_ended_whatever_the_clock_says(place: Place) -> None:
    """Time is measured by one clock and told by another, by which a little of it may be left."""
    now = datetime.now(UTC)
    place.clock = lambda: now
    report = await place.done(job(run("wait for-ever", timeout=0.05)))
    assert report.steps[0].reason == "the step's time limit of 0.05 s is over"
    assert report.reason == "step 1: the step's time limit of 0.05 s is over"


async def test_a_step_that_is_done_in_time_is_not_limited(place: Place) -> None:
    """The limit is of the step, not of those after it."""
    report = await place.done(job(run("echo one", timeout=30), "echo two"))
    assert (report.outcome, phases(report)) == (Outcome.SUCCESS, [SUCCESS, SUCCESS])


async def test_the_time_of_a_step_goes_on_while_nobody_is_there(place: Place, driver: FakeDriver) -> None:
    """It counts from the step's start, in whatever life that was."""
    worker = place.accepted(job(run("wait gate", timeout=60), run("echo two", always=True)))
    async with place.working(worker) as group:
        await driver.reached("gate")
        group.cancel_scope.cancel()
    place.clock = lambda: datetime.now(UTC) + timedelta(seconds=61)
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}).run()
    report = place.reports[-1]
    assert report.reason == "step 1: the step's time limit of 60 s is over"
    assert phases(report) == [FAILED, SUCCESS]


async def test_a_step_that_ended_while_nobody_was_there_has_ended_so(
    place: Place, driver: FakeDriver
) -> None:
    """What is late is the executor, not the step."""
    worker = place.accepted(job(run("wait gate\nexit 3", timeout=60)))
    async with place.working(worker) as group:
        await driver.reached("gate")
        group.cancel_scope.cancel()
    driver.release("gate")
    place.clock = lambda: datetime.now(UTC) + timedelta(seconds=61)
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}).run()
    step = place.reports[-1].steps[0]
    assert (step.phase, step.exit_code, step.reason) == (FAILED, 3, "")


@pytest.mark.parametrize("command", ["exit 3", "wait for-ever"])
async def test_a_failure_that_is_ignored_is_not_the_end(place: Place, command: str) -> None:
    """The step is shown as failed, those after it are done, and the job succeeds."""
    report = await place.done(job(run(command, ignore_failure=True, timeout=0.1), "echo two"))
    assert (report.outcome, report.reason) == (Outcome.SUCCESS, "")
    assert phases(report) == [FAILED, SUCCESS]


async def test_an_ignored_failure_does_not_hide_the_end_of_the_job(place: Place) -> None:
    """A job whose time is over in such a step has timed out all the same."""
    report = await place.done(job(run("wait for-ever", ignore_failure=True), timeout=0.05))
    assert (report.outcome, report.timed_out) == (Outcome.FAILED, True)


async def test_always_steps_are_done_after_a_failure(place: Place) -> None:
    """Those between are not; the first failure is the job's end, whatever the later ones do."""
    steps = ("exit 3", "echo never", run("exit 4", always=True), run("echo last", always=True))
    report = await place.done(job(*steps))
    assert (report.outcome, report.reason) == (Outcome.FAILED, "")
    assert phases(report) == [FAILED, NOT_STARTED, FAILED, SUCCESS]
    assert place.store.log(3) == b"last\n"


async def test_an_always_step_is_a_step_as_any_other_before_a_failure(place: Place) -> None:
    """It is done in its turn, and its failure fails the job."""
    report = await place.done(job(run("exit 3", always=True), "echo never"))
    assert (report.outcome, phases(report)) == (Outcome.FAILED, [FAILED, NOT_STARTED])


async def test_always_steps_are_done_after_the_jobs_time_is_over(place: Place) -> None:
    """They have a while of their own; the job has timed out."""
    steps = ("wait for-ever", "echo never", run("echo tidy", always=True))
    report = await place.done(job(*steps, timeout=0.05))
    assert (report.outcome, report.timed_out) == (Outcome.FAILED, True)
    assert phases(report) == [FAILED, NOT_STARTED, SUCCESS]
    assert place.store.log(2) == b"tidy\n"


async def test_always_steps_are_done_after_a_stop(place: Place, driver: FakeDriver) -> None:
    """The job is stopped nevertheless."""
    worker = place.accepted(job("wait for-ever", "echo never", run("echo tidy", always=True)))
    async with place.working(worker):
        await driver.reached("for-ever")
        worker.stop()
    report = place.reports[-1]
    assert (report.outcome, phases(report)) == (Outcome.STOPPED, [STOPPED, NOT_STARTED, SUCCESS])


async def test_an_always_step_at_work_is_not_disturbed_by_a_stop(place: Place, driver: FakeDriver) -> None:
    """It may go on to its end; what comes after it is stopped."""
    worker = place.accepted(job(run("wait gate\necho whole", always=True), "echo never"))
    async with place.working(worker):
        await driver.reached("gate")
        worker.stop()
        driver.release("gate")
    report = place.reports[-1]
    assert (report.outcome, phases(report)) == (Outcome.STOPPED, [SUCCESS, NOT_STARTED])
    assert place.store.log(0) == b"whole\n"


@pytest.mark.parametrize("first", ["wait for-ever", "echo one"])
async def test_always_steps_do_not_take_for_ever(place: Place, driver: FakeDriver, first: str) -> None:
    """After a stop their time is bounded, all together, also for one that was at work already."""
    waiting = run("wait gate", always=True)
    worker = place.accepted(job(first, waiting, run("echo too late", always=True)), always_grace=0.05)
    async with place.working(worker):
        await driver.reached("for-ever" if first.startswith("wait") else "gate")
        worker.stop()
    report = place.reports[-1]
    assert report.outcome is Outcome.STOPPED
    assert phases(report)[1:] == [STOPPED, NOT_STARTED]


async def test_always_steps_go_on_in_the_next_life(place: Place, driver: FakeDriver) -> None:
    """The failure before them is remembered, and each is done once."""
    worker = place.accepted(job("exit 3", "echo never", run("echo a\nwait gate\necho b", always=True)))
    async with place.working(worker) as group:
        await place.store.until(2, b"a\n")
        group.cancel_scope.cancel()
    driver.release("gate")
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}).run()
    report = place.reports[-1]
    assert (report.outcome, phases(report)) == (Outcome.FAILED, [FAILED, NOT_STARTED, SUCCESS])
    assert place.store.log(2) == b"a\nb\n"
    assert len(driver.executed) == 2
