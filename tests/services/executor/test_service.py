"""An executor does the jobs it is given, once each, whatever happens around it."""

import anyio
import pytest

from tests.services.executor.conftest import Life, NewExecutor, eventually, job
from tests.services.executor.runservice import MemoryRunservice
from tidemill.contracts.jobs import SyncAnswer
from tidemill.core.job import JobId, JobPhase, Outcome
from tidemill.core.run import StepPhase
from tidemill.errors import Internal
from tidemill.pods import PodSpec
from tidemill.pods.fake import FakeDriver
from tidemill.services.executor import ExecutorService

pytestmark = pytest.mark.anyio

JOB = JobId("job")


async def test_a_job_is_done(life: Life, runservice: MemoryRunservice, driver: FakeDriver) -> None:
    """Its steps are executed in order, its logs stored, its end reported, its pod removed, its disk cleared."""
    task = runservice.add(job("echo one", "echo two"))
    async with life() as executor:
        report = await runservice.ended(task)
        assert report.outcome is Outcome.SUCCESS
        assert [step.phase for step in report.steps] == [StepPhase.SUCCESS] * 2
        assert [step.exit_code for step in report.steps] == [0, 0]
        assert (task.log(0), task.log(1)) == (b"one\n", b"two\n")
        assert task.log(-1).startswith(b"a pod of words\nready after ")
        await runservice.until(lambda: not runservice.syncs[-1].jobs)
        await eventually(lambda: not driver.pods and is_clear(executor))


async def test_nothing_runs_before_it_is_accepted(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """A job is listed as accepted before anything of it runs; without its values it waits."""
    runservice.values_are_away = True
    task = runservice.add(job("echo $SECRET", variables={"SECRET": "token"}), {"token": "open sesame"})
    async with life():
        await runservice.until(lambda: task.report is not None)
        assert task.report
        assert task.report.phase is JobPhase.ACCEPTED
        assert not driver.prepared
        runservice.values_are_away = False
        runservice.ring()
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS


async def test_jobs_run_side_by_side(life: Life, runservice: MemoryRunservice, driver: FakeDriver) -> None:
    """Each slot works on its own; one that waits does not hold up another."""
    slow = runservice.add(job("wait gate", id="slow"))
    quick = runservice.add(job("echo quick", id="quick"))
    async with life(slots=2):
        await runservice.ended(quick)
        assert not slow.has_ended
        driver.release("gate")
        await runservice.ended(slow)


async def test_a_slot_is_taken_until_the_pod_is_gone(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """A job that has ended keeps the next one out while its pod is being removed."""
    driver.hold("close")
    first = runservice.add(job("echo first", id="first"))
    async with life(slots=1):
        await runservice.ended(first)
        await driver.reached("close")
        second = runservice.add(job("echo second", id="second"))
        await runservice.until(lambda: second.report is not None and second.report.phase is JobPhase.RUNNING)
        assert driver.prepared == ["first.1"]
        driver.release("close")
        assert (await runservice.ended(second)).outcome is Outcome.SUCCESS


async def test_a_running_job_is_stopped(life: Life, runservice: MemoryRunservice, driver: FakeDriver) -> None:
    """Its step is killed, the rest is not started, and what it has said so far is stored."""
    task = runservice.add(job("echo begun\nwait for-ever", "echo never"))
    async with life():
        await driver.reached("for-ever")
        runservice.stop(JOB)
        report = await runservice.ended(task)
        assert report.outcome is Outcome.STOPPED
        assert [step.phase for step in report.steps] == [StepPhase.STOPPED, StepPhase.NOT_STARTED]
        assert task.log(0) == b"begun\n"
        await runservice.until(lambda: not runservice.syncs[-1].jobs)


async def test_a_job_is_stopped_before_it_has_begun(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """Nothing of it ever runs."""
    runservice.values_are_away = True
    task = runservice.add(job("echo never", values=("token",)))
    async with life():
        await runservice.until(lambda: task.report is not None)
        runservice.stop(JOB)
        report = await runservice.ended(task)
        assert report.outcome is Outcome.STOPPED
        assert report.started_at is None
        assert not driver.prepared


async def test_a_job_is_stopped_while_its_pod_is_made(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """A slow setup does not keep a job from being stopped."""
    driver.hold("prepare")
    task = runservice.add(job("echo never"))
    async with life():
        await driver.reached("prepare")
        runservice.stop(JOB)
        report = await runservice.ended(task)
        assert (report.outcome, report.setup.phase) == (Outcome.STOPPED, StepPhase.STOPPED)


async def test_a_stop_that_comes_too_late_changes_nothing(life: Life, runservice: MemoryRunservice) -> None:
    """Who has succeeded meanwhile has succeeded."""
    task = runservice.add(job("echo done"))
    async with life():
        await runservice.until(lambda: bool(task.log(0)))
        runservice.stop(JOB)
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS


async def test_a_fenced_job_is_killed_in_silence(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """Its pod is removed, its disk cleared, and no end of it is ever reported."""
    task = runservice.add(job("wait for-ever"))
    async with life() as executor:
        await driver.reached("for-ever")
        runservice.drop(JOB)
        await runservice.until(lambda: not runservice.syncs[-1].jobs)
        await eventually(lambda: not driver.pods and is_clear(executor))
        assert not task.has_ended


async def test_a_log_that_is_refused_fences_the_job(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """The answer to an append may be the first to tell that somebody else has the job."""
    task = runservice.add(job("wait one\necho more\nwait two"))
    async with life():
        await driver.reached("one")
        del runservice.jobs[JOB]  # and nobody rings
        driver.release("one")
        await eventually(lambda: not driver.pods)
        await runservice.until(lambda: not runservice.syncs[-1].jobs)
        assert not task.has_ended


async def test_a_new_generation_takes_the_place_of_the_old(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """The old one is killed first, and the new one starts from the beginning."""
    runservice.add(job("wait for-ever"))
    async with life():
        await driver.reached("for-ever")
        task = runservice.add(job("echo again", generation=2))
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert task.log(0) == b"again\n"
        await runservice.until(lambda: not runservice.syncs[-1].jobs)
        await eventually(lambda: not driver.pods)


async def test_the_server_being_away_stops_no_work(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """Steps go on without it; afterwards every byte and every end is there."""
    task = runservice.add(job("echo one\nwait gate\necho two", "echo three", "wait end"))
    async with life():
        await runservice.until(lambda: bool(task.log(0)))
        runservice.is_away = True
        driver.release("gate")
        await driver.reached("end")
        assert task.log(1) == b""
        driver.release("end")
        runservice.is_away = False
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert (task.log(0), task.log(1)) == (b"one\ntwo\n", b"three\n")


async def test_an_end_is_seen_only_when_its_log_is_stored(life: Life, runservice: MemoryRunservice) -> None:
    """Whoever reads a report finds the whole log of each step that it calls ended."""
    texts = [f"line of step {index}" for index in range(5)]
    task = runservice.add(job(*(f"echo {text}" for text in texts)))
    seen: list[tuple[int, bytes]] = []
    record = runservice._record

    def watched(request) -> None:  # type: ignore[no-untyped-def]
        record(request)
        for report in request.jobs:
            seen.extend(
                (index, task.log(index))
                for index, step in enumerate(report.steps)
                if step.phase is StepPhase.SUCCESS
            )

    runservice._record = watched  # type: ignore[method-assign]
    async with life():
        await runservice.ended(task)
    assert seen
    assert all(log == f"{texts[index]}\n".encode() for index, log in seen)


async def test_repeated_and_late_answers_change_nothing(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """A job that is started, run and stopped again and again is done once."""
    task = runservice.add(job("echo once\nwait gate"))
    answer = runservice._answer

    def repeating(request):  # type: ignore[no-untyped-def]
        fresh = answer(request)
        starts = {spec.id: spec for old in runservice.answers for spec in old.start}
        runs = {accepted.id: accepted for old in runservice.answers for accepted in old.run}
        return type(fresh)(
            start=tuple({**starts, **{spec.id: spec for spec in fresh.start}}.values()),
            run=tuple({**runs, **{accepted.id: accepted for accepted in fresh.run}}.values()),
            stop=fresh.stop,
            fenced=fresh.fenced,
            forget=fresh.forget,
        )

    async with life():
        await driver.reached("gate")
        runservice._answer = repeating  # type: ignore[method-assign]
        runservice.ring()
        count = len(runservice.answers)
        await runservice.until(lambda: len(runservice.answers) > count + 3)
        runservice._answer = answer  # type: ignore[method-assign]
        driver.release("gate")
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert task.log(0) == b"once\n"
        assert driver.prepared == ["job.1"]


async def test_a_waiting_sync_gives_way_to_news(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """News are told at once, by a sync that does not wait; without news a sync waits."""
    task = runservice.add(job("wait gate"))
    async with life():
        await driver.reached("gate")
        await runservice.until(lambda: runservice.syncs[-1].wait > 0)
        driver.release("gate")
        with anyio.fail_after(5):
            await runservice.ended(task)
        assert (
            next(s for s in reversed(runservice.syncs) if s.jobs and s.jobs[0].phase is JobPhase.ENDED).wait
            == 0
        )


async def test_an_answer_that_repeats_itself_is_noticed(
    executor: NewExecutor, runservice: MemoryRunservice
) -> None:
    """Orders that change nothing are answered with a rest, so that no busy loop comes of them."""
    service = executor()
    await service.start()
    runservice._answer = lambda request: SyncAnswer(stop=(JobId("unknown"),))  # type: ignore[method-assign]
    assert [await service._syncing.once() for _ in range(3)] == [True, False, False]


async def test_pods_that_nobody_owns_are_removed(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """Leftovers go; the pod of a job stays."""
    runservice.add(job("wait for-ever"))
    await driver.prepare(PodSpec(id="orphan", working_dir="~"), lambda _: None)
    async with life() as executor:
        await driver.reached("for-ever")
        await executor.remove_leftovers()
        assert list(driver.pods) == ["job.1"]


async def test_a_pod_that_cannot_be_removed_holds_up_no_other(
    life: Life, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again with the next look."""
    for name in ("first", "second"):
        await driver.prepare(PodSpec(id=name, working_dir="~"), lambda _: None)
    remove = driver.remove

    async def remove_but_one(pod_id: str) -> None:
        if pod_id == "first":
            raise OSError("it is stuck")
        await remove(pod_id)

    async with life() as executor:
        with monkeypatch.context() as stuck:
            stuck.setattr(driver, "remove", remove_but_one)
            await executor.remove_leftovers()
        assert list(driver.pods) == ["first"]
        await executor.remove_leftovers()
        assert not driver.pods


async def test_an_executor_keeps_its_id(life: Life) -> None:
    """It is the same executor after a restart."""
    async with life() as executor:
        first = executor._presentation
    async with life() as executor:
        assert executor._presentation == first
        assert first.id


@pytest.mark.parametrize(("loopback_only", "allowed"), [(True, False), (False, True)])
async def test_without_a_sandbox_it_serves_loopback_only(
    executor: NewExecutor, driver: FakeDriver, loopback_only: bool, allowed: bool
) -> None:
    """Tasks that see the whole machine are for its own users, unless the settings say otherwise."""
    driver.sandboxed = False
    with pytest.raises(Internal, match="allow_unsandboxed"):
        await executor(loopback_only=False).start()
    await executor(loopback_only=loopback_only, allow_unsandboxed=allowed).start()


async def test_a_full_disk_is_told_to_whoever_waits(life: Life, runservice: MemoryRunservice) -> None:
    """A job that cannot be kept is not started, and fails with the reason."""
    async with life() as executor:
        await runservice.until(lambda: bool(runservice.syncs))
        (executor._place / "jobs").rmdir()
        (executor._place / "jobs").write_text("in the way")
        task = runservice.add(job("echo never"))
        report = await runservice.ended(task)
        assert report.outcome is Outcome.FAILED
        assert "could not put the job on its disk" in report.reason
        await runservice.until(lambda: not runservice.syncs[-1].jobs)


async def test_a_name_is_no_path(life: Life, runservice: MemoryRunservice, driver: FakeDriver) -> None:
    """Whatever a job is called, it stays in its place."""
    task = runservice.add(job("echo here", id="../escape"))
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert driver.prepared == ["..%2Fescape.1"]


def is_clear(executor: ExecutorService) -> bool:
    return not list((executor._place / "jobs").iterdir())
