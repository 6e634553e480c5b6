"""The life of a job: setup, steps in order, and every way it may end."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest

from tests.work.places import Place, job, run
from tidemill.core.job import JobPhase, Outcome
from tidemill.core.plan import FromVariable, Literal, Runtime
from tidemill.core.run import StepPhase
from tidemill.errors import BadRequest, TooLarge, Unavailable
from tidemill.pods import PodLost, Progress
from tidemill.pods.fake import FakeDriver, FakePod
from tidemill.work.directory import kept_jobs
from tidemill.work.shipping import Fenced

pytestmark = pytest.mark.anyio


async def test_steps_run_in_order(place: Place, driver: FakeDriver) -> None:
    """Each after the one before it, with exit codes and times; then the pod is gone."""
    report = await place.done(job("echo one", "echo two"))
    assert report.outcome is Outcome.SUCCESS
    assert [(step.phase, step.exit_code) for step in report.steps] == [(StepPhase.SUCCESS, 0)] * 2
    first, second = report.steps
    assert report.setup.ended_at
    assert first.started_at
    assert first.ended_at
    assert second.started_at
    assert report.setup.ended_at <= first.started_at <= first.ended_at <= second.started_at
    assert (place.store.log(0), place.store.log(1)) == (b"one\n", b"two\n")
    assert not driver.pods


async def test_a_failing_step_is_the_last(place: Place, driver: FakeDriver) -> None:
    """Steps behind it are not started."""
    report = await place.done(job("echo one", "exit 3", "echo never"))
    assert report.outcome is Outcome.FAILED
    assert [(step.phase, step.exit_code) for step in report.steps] == [
        (StepPhase.SUCCESS, 0),
        (StepPhase.FAILED, 3),
        (StepPhase.NOT_STARTED, None),
    ]
    assert len(driver.executed) == 2


async def test_a_command_that_does_not_exist_is_127(place: Place) -> None:
    """Its shell says in the log what is missing."""
    report = await place.done(job("no-such-command"))
    assert (report.outcome, report.steps[0].exit_code) == (Outcome.FAILED, 127)
    assert b"no-such-command: not found" in place.store.log(0)


async def test_a_shell_that_does_not_exist_is_127(place: Place) -> None:
    """The driver's reason stands in the log, behind whatever output there is."""
    report = await place.done(job("echo before\nunstartable no such shell"))
    assert (report.outcome, report.steps[0].exit_code) == (Outcome.FAILED, 127)
    assert place.store.log(0) == b"before\nno such shell\n"


async def test_a_job_without_steps_succeeds(place: Place) -> None:
    """There is nothing that could fail but the setup."""
    assert (await place.done(job())).outcome is Outcome.SUCCESS


async def test_time_is_up(place: Place) -> None:
    """The running step is killed and fails without an exit code; the job says that it timed out."""
    report = await place.done(job("echo begun\nwait for-ever", "echo never", timeout=0.3))
    assert (report.outcome, report.timed_out) == (Outcome.FAILED, True)
    assert report.reason == "timed out after 0.3 s"
    assert [(step.phase, step.exit_code) for step in report.steps] == [
        (StepPhase.FAILED, None),
        (StepPhase.NOT_STARTED, None),
    ]
    assert place.store.log(0) == b"begun\n"


async def test_setup_does_not_count_for_the_time(place: Place, driver: FakeDriver) -> None:
    """A pod that is slow to make takes nothing from the task's time."""
    driver.hold("prepare")
    worker = place.accepted(job("echo one", timeout=30))
    async with place.working(worker):
        await driver.reached("prepare")
        assert worker._patience._deadline == math.inf
        driver.release("prepare")
    assert place.reports[-1].outcome is Outcome.SUCCESS


async def test_a_step_that_ignores_term_is_killed(place: Place, driver: FakeDriver) -> None:
    """KILL comes after the grace."""
    worker = place.accepted(job("ignore-term\nwait for-ever"), grace=0.05)
    async with place.working(worker):
        await driver.reached("for-ever")
        worker.stop()
    assert place.reports[-1].outcome is Outcome.STOPPED


async def test_a_stop_is_reported_as_such_at_once(place: Place, driver: FakeDriver) -> None:
    """Whoever asked sees that it was heard, before the step has ended."""
    worker = place.accepted(job("ignore-term\nwait for-ever"), grace=0.05)
    async with place.working(worker):
        await driver.reached("for-ever")
        worker.stop()
        assert place.reports[-1].stopping
        assert place.reports[-1].phase is JobPhase.RUNNING


async def test_a_pod_that_cannot_be_made_fails_the_setup(place: Place, driver: FakeDriver) -> None:
    """The reason stands in the setup's log, and no step is started."""
    driver.refusal = "no image of that name"
    report = await place.done(job("echo never"))
    assert (report.outcome, report.setup.phase) == (Outcome.FAILED, StepPhase.FAILED)
    assert report.steps[0].phase is StepPhase.NOT_STARTED
    assert b"the sandbox could not be made: no image of that name\n" in place.store.log(-1)
    assert "no image of that name" in report.reason


async def test_an_unknown_runtime_fails_the_setup(place: Place) -> None:
    """An executor that was given the wrong job says so."""
    place.driver = FakeDriver(runtimes=("host",))
    report = await place.done(job("echo never", runtime=Runtime(type="pod")))
    assert report.outcome is Outcome.FAILED
    assert "this executor has no runtime 'pod'" in report.reason


async def test_a_pod_that_dies_fails_the_job(place: Place) -> None:
    """What it had said is kept; the reason says what happened."""
    report = await place.done(job("echo one\ndie", "echo never"))
    assert report.outcome is Outcome.FAILED
    assert report.reason.startswith("the sandbox is gone")
    assert report.steps[0].phase is StepPhase.FAILED
    assert report.steps[0].exit_code is None


async def test_a_driver_that_fails_does_not_leave_a_job_hanging(place: Place) -> None:
    """Whatever a driver raises is the end of the job, with a reason."""

    class Broken(FakeDriver):
        async def passing(self, point: str) -> None:
            if point == self.at:
                raise RuntimeError("the driver has a bug")

        at = "prepare"

    for at in ("prepare", "start", "closed"):
        place.driver = Broken()
        place.driver.at = at
        report = await place.done(job("echo one"))
        assert report.outcome is (Outcome.SUCCESS if at == "closed" else Outcome.FAILED)
        assert at == "closed" or "the driver has a bug" in report.reason


async def test_steps_see_their_environment(place: Place, driver: FakeDriver) -> None:
    """Late values reach the command, and their traces are hidden from the log."""
    spec = job(
        run("echo $A $B $C", environment={"C": FromVariable("secret")}),
        environment={"B": "static"},
        values=("secret",),
    )
    await place.done(spec, {"secret": "open sesame"})
    assert driver.executed[0].environment == {"B": "static", "C": "open sesame"}
    assert place.store.log(0) == b"$A static ***\n"


async def test_steps_get_argv_script_directory_and_terminal(place: Place, driver: FakeDriver) -> None:
    """The shell is split on single spaces; a step's own settings come before the task's."""
    await place.done(
        job(
            run("echo one", tty=True),
            run("echo two", shell="bash  -x", working_dir="~/sub"),
            environment={"X": "1"},
            working_dir="~/here",
        )
    )
    first, second = driver.executed
    assert (first.argv, first.script, first.working_dir, first.tty) == (
        ("/bin/sh", "-e"),
        "echo one\n",
        "~/here",
        True,
    )
    assert (second.argv, second.working_dir, second.tty) == (("bash", "", "-x"), "~/sub", False)


async def test_a_store_that_is_away_delays_reports_only(place: Place) -> None:
    """Steps go on meanwhile; the end is told when everything is stored."""
    place.store.trouble = [Unavailable("not now"), TimeoutError(), OSError("no route")]
    report = await place.done(job("echo one", "echo two"))
    assert report.outcome is Outcome.SUCCESS
    assert (place.store.log(0), place.store.log(1)) == (b"one\n", b"two\n")


async def test_a_store_that_fences_ends_it_in_silence(place: Place, driver: FakeDriver) -> None:
    """The pod is killed, and no end is reported."""
    worker = place.accepted(job("echo one\nwait for-ever"))
    place.store.trouble = [Fenced("another has it")] * 2
    with anyio.fail_after(10):
        await worker.run()
    assert not driver.pods
    assert place.reports[-1].phase is JobPhase.RUNNING


@pytest.mark.parametrize("refusal", [BadRequest("no such step"), TooLarge("a log may have 1 TB")])
async def test_a_log_that_is_refused_for_good_fails_the_job(place: Place, refusal: Exception) -> None:
    """Asking again would not help; the reason is told."""
    place.store.trouble = [refusal] * 3
    report = await place.done(job("echo one\nwait for-ever"))
    assert report.outcome is Outcome.FAILED
    assert report.reason == f"the log could not be stored: {refusal}"


async def test_a_log_that_is_refused_when_the_work_is_over_fails_the_job_too(place: Place) -> None:
    """The steps have succeeded, but nobody can read what they said."""
    place.store.trouble = [Unavailable("not now"), Unavailable("not now"), TooLarge("a log may have 1 TB")]
    worker = place.accepted(job("echo one"))
    with anyio.fail_after(10):
        await worker.run()
    report = place.reports[-1]
    assert (report.phase, report.outcome) == (JobPhase.ENDED, Outcome.FAILED)
    assert report.reason == "the log could not be stored: a log may have 1 TB"


async def test_cancelling_leaves_the_pod_to_the_next_life(place: Place, driver: FakeDriver) -> None:
    """The executor's end is not the job's."""
    worker = place.accepted(job("echo one\nwait gate\necho two"))
    async with place.working(worker) as group:
        await place.store.until(0, b"one\n")
        group.cancel_scope.cancel()
    assert list(driver.pods) == ["job.1"]
    driver.release("gate")
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}).run()
    assert place.reports[-1].outcome is Outcome.SUCCESS
    assert place.store.log(0) == b"one\ntwo\n"


async def test_logs_of_steps_that_ended_in_an_earlier_life_are_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left to do but to ship them; the end of the job does not cut them off.

    A pod takes its time to tell how far a command is, as one does that is asked over a socket.
    """
    follow = FakePod.follow

    async def asked(pod: FakePod, key: str) -> AsyncIterator[Progress]:
        await anyio.lowlevel.checkpoint()
        async for progress in follow(pod, key):
            yield progress

    monkeypatch.setattr(FakePod, "follow", asked)
    worker = place.accepted(job("echo one", "echo two"))
    place.store.trouble = [Unavailable("away")] * 1000
    async with place.working(worker) as group:
        while (
            any(step.ended_at is None for step in place.directory.load().state.report.steps)
            or not (place.directory.load().state.report.steps[1:])
        ):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    place.store.trouble.clear()
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}).run()
    assert place.reports[-1].outcome is Outcome.SUCCESS
    assert (place.store.log(0), place.store.log(1)) == (b"one\n", b"two\n")


async def test_time_goes_on_while_nobody_is_there(place: Place, driver: FakeDriver) -> None:
    """The task's time counts from its setup, in whatever life that was."""
    worker = place.accepted(job("wait gate", timeout=60))
    async with place.working(worker) as group:
        await driver.reached("gate")
        group.cancel_scope.cancel()
    place.clock = lambda: datetime.now(UTC) + timedelta(seconds=61)
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}).run()
    assert place.reports[-1].timed_out


async def test_nothing_is_shipped_unmasked(place: Place, driver: FakeDriver) -> None:
    """Without its values a job of an earlier life can only be ended: its output might hold a secret."""
    worker = place.accepted(job("wait gate\necho sesame", values=("secret",)), {"secret": "sesame"})
    async with place.working(worker) as group:
        await driver.reached("gate")
        group.cancel_scope.cancel()
    driver.release("gate")
    worker = place.worker(place.directory.load(), None)
    worker.stop()
    with anyio.fail_after(10):
        await worker.run()
    assert place.reports[-1].outcome is Outcome.STOPPED
    assert place.store.log(0) == b""
    assert not driver.pods


async def test_secrets_too_large_to_mask_fail_the_job(
    place: Place, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather no log than one with a secret in it."""
    monkeypatch.setattr("tidemill.work.masking.LARGEST_SEARCH", 1)
    report = await place.done(job("echo one", values=("secret",)), {"secret": "x" * 100_000})
    assert report.outcome is Outcome.FAILED
    assert "its secrets cannot be masked" in report.reason
    assert not driver.executed


async def test_a_lost_pod_is_lost_for_whoever_adopts_it(place: Place, driver: FakeDriver) -> None:
    """Once something has run, a job is never started again."""
    worker = place.accepted(job(run("wait gate", environment={"X": Literal("1")})))
    async with place.working(worker) as group:
        await driver.reached("gate")
        group.cancel_scope.cancel()
    driver.kill("job.1")
    with pytest.raises(PodLost):
        await driver.adopt("job.1")
    with anyio.fail_after(10):
        await place.worker(place.directory.load(), {}).run()
    assert place.reports[-1].outcome is Outcome.FAILED
    assert driver.prepared == ["job.1"]
    assert place.store.log(-1).startswith(b"a pod of words")


async def test_a_job_from_before_the_machines_start_is_not_started(place: Place, driver: FakeDriver) -> None:
    """It may have run already; it fails, and says why."""
    place.directory.accept(job("echo one"), "monday")
    (kept,) = kept_jobs(place.directory.path.parent, "tuesday")
    with anyio.fail_after(10):
        await place.worker(kept, {}).run()
    report = place.reports[-1]
    assert report.outcome is Outcome.FAILED
    assert report.reason.startswith("the sandbox is gone")
    assert not driver.prepared
