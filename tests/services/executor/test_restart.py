"""An executor may die at any point: what it had goes on, and nothing is done twice."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import anyio
import pytest

from tests.services.executor.conftest import Life, eventually, job
from tests.services.executor.runservice import Job, MemoryRunservice
from tidemill.core.job import JobId, JobPhase, Outcome
from tidemill.core.run import StepPhase
from tidemill.errors import Unavailable
from tidemill.pods.fake import FakeDriver
from tidemill.services.executor import ExecutorService
from tidemill.settings import ExecutorSettings
from tidemill.work.directory import boot_id, job_directory

pytestmark = pytest.mark.anyio


async def test_a_running_step_goes_on(life: Life, runservice: MemoryRunservice, driver: FakeDriver) -> None:
    """What a command says while nobody listens is read afterwards, and the next step follows."""
    task = runservice.add(job("echo one\nwait gate\necho two", "echo three"))
    async with life():
        await runservice.until(lambda: bool(task.log(0)))
    driver.release("gate")
    async with life():
        report = await runservice.ended(task)
        assert report.outcome is Outcome.SUCCESS
        assert (task.log(0), task.log(1)) == (b"one\ntwo\n", b"three\n")
        assert len(driver.executed) == 2


async def test_values_are_asked_for_again(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """A restarted executor knows no secret: it waits for them before it ships or starts anything."""
    spec = job("echo one\nprint open \nwait gate\necho sesame", "echo open sesame", values=("token",))
    task = runservice.add(spec, {"token": "open sesame"})
    async with life():
        await driver.reached("gate")
    driver.release("gate")
    runservice.values_are_away = True
    async with life():
        await runservice.until(lambda: task.report is not None and task.report.phase is JobPhase.ACCEPTED)
        assert b"open" not in task.log(0)
        runservice.values_are_away = False
        runservice.ring()
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert (task.log(0), task.log(1)) == (b"one\n***\n", b"***\n")


async def test_an_end_is_not_told_before_its_log_is_stored(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the next life, which finds on its disk that the step has ended."""

    async def refuse(point: str) -> None:
        if point == "append":
            raise Unavailable("logs cannot be stored now")

    monkeypatch.setattr(runservice, "passing", refuse)
    task = runservice.add(job("echo one", "wait gate", values=("token",)), {"token": "open sesame"})
    async with life():
        await driver.reached("gate")
    runservice.values_are_away = True
    told = len(task.reports)
    async with life():
        await runservice.until(lambda: len(task.reports) > told)
        assert {report.steps[0].phase for report in task.reports} <= {
            StepPhase.NOT_STARTED,
            StepPhase.RUNNING,
        }


async def test_no_secret_is_on_disk(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver, tmp_path: Path
) -> None:
    """Neither while a job runs nor after its end."""
    task = runservice.add(
        job("echo $SECRET\nwait gate", variables={"SECRET": "token"}), {"token": "open sesame"}
    )
    async with life():
        await driver.reached("gate")
        assert driver.executed[0].environment == {"SECRET": "open sesame"}
        assert "open sesame" not in "".join(texts(tmp_path / "executor"))
        driver.release("gate")
        await runservice.ended(task)
        assert "open sesame" not in "".join(texts(tmp_path / "executor"))


async def test_a_lost_pod_fails_the_job(life: Life, runservice: MemoryRunservice, driver: FakeDriver) -> None:
    """When the pod is gone after a restart, the job ends, says why, and is not begun again."""
    task = runservice.add(job("echo one\nwait gate"))
    async with life():
        await runservice.until(lambda: bool(task.log(0)))
    driver.kill("job.1")
    async with life():
        report = await runservice.ended(task)
        assert report.outcome is Outcome.FAILED
        assert report.reason.startswith("the sandbox is gone")
        assert report.steps[0].phase is StepPhase.FAILED
        assert task.log(0) == b"one\n"
        assert driver.prepared == ["job.1"]


@pytest.mark.parametrize("generations", [(1, 2), (2, 10)])
async def test_of_two_generations_on_disk_the_older_is_cleared_away(
    life: Life, runservice: MemoryRunservice, tmp_path: Path, generations: tuple[int, int]
) -> None:
    """A life that has accepted the next attempt may end before it has removed the one before."""
    root = tmp_path / "executor" / "jobs"
    for generation in generations:
        spec = job("echo one", generation=generation)
        job_directory(root, spec).accept(spec, boot_id())
    task = runservice.add(spec)
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        await eventually(lambda: not list(root.iterdir()))


async def test_a_stop_reaches_the_next_life(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """A job that was to be stopped while the executor was away is stopped when it comes back."""
    task = runservice.add(job("echo one\nwait gate", values=("token",)), {"token": "open sesame"})
    async with life():
        await runservice.until(lambda: bool(task.log(0)))
    runservice.stop(JobId("job"))
    runservice.values_are_away = True
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.STOPPED


async def test_a_stop_that_was_begun_is_finished_by_the_next_life(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """The server has seen that the job is stopping: it sends neither that order again nor values."""
    task = runservice.add(job("ignore-term\nwait gate", values=("token",)), {"token": "open sesame"})
    async with life():
        await driver.reached("gate")
        runservice.stop(JobId("job"))
        await runservice.until(lambda: task.report is not None and task.report.stopping)
    runservice.values_are_away = True
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.STOPPED


async def test_a_job_lost_meanwhile_is_killed(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver
) -> None:
    """An executor that comes back too late kills what it had and tells nothing of it."""
    task = runservice.add(job("wait gate"))
    async with life():
        await driver.reached("gate")
    runservice.drop(JobId("job"))
    async with life():
        await runservice.until(lambda: not runservice.syncs[-1].jobs)
        await eventually(lambda: not driver.pods)
        assert not task.has_ended


async def test_a_clock_that_was_set_back_keeps_nobody_from_syncing(
    life: Life, runservice: MemoryRunservice
) -> None:
    """Syncs are numbered from the clock; a number that is too low is made good."""
    runservice.sequence = 1 << 60
    task = runservice.add(job("echo one"))
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS


async def test_an_unreadable_job_is_dropped(
    life: Life, runservice: MemoryRunservice, driver: FakeDriver, tmp_path: Path
) -> None:
    """A directory that holds no job keeps nobody from working."""
    place = tmp_path / "executor" / "jobs" / "broken.1"
    place.mkdir(parents=True)
    (place / "job.json").write_text("{")
    task = runservice.add(job("echo one"))
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert not place.exists()


POINTS = (
    "sync",
    "answer",
    "append",
    "appended",
    "prepare",
    "prepared",
    "start",
    "started",
    "close",
    "closed",
)


class Fate:
    """Kills the executor at its *nth* passage through *point*, which lies outside of it."""

    def __init__(self, point: str, nth: int) -> None:
        self.point = point
        self.left = nth
        self.scope = anyio.CancelScope()

    async def pass_by(self, point: str) -> None:
        self.left -= point == self.point
        if point == self.point and self.left == 0:
            self.scope.cancel()
            await anyio.sleep_forever()


class FatefulRunservice(MemoryRunservice):
    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.passing = fate.pass_by  # type: ignore[method-assign]


class FatefulDriver(FakeDriver):
    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.passing = fate.pass_by  # type: ignore[method-assign]


@pytest.mark.parametrize("point", POINTS)
async def test_death_at_every_point(tmp_path: Path, point: str) -> None:
    """Wherever the executor dies, its next life ends the job: each step once, each byte once."""
    for nth in count(1):
        fate = Fate(point, nth)
        runservice, driver = FatefulRunservice(fate), FatefulDriver(fate)
        spec = job("echo one", "echo my $WORD", "echo three", variables={"WORD": "token"})
        task = runservice.add(spec, {"token": "open sesame"})
        with fate.scope:
            await live(tmp_path / str(nth), runservice, driver, task)
            break
        await live(tmp_path / str(nth), runservice, driver, task)
        assert [one.key for one in driver.executed] == ["step-0", "step-1", "step-2"]
        assert [task.log(step) for step in range(3)] == [b"one\n", b"my ***\n", b"three\n"]
        assert b"ready after" in task.log(-1)
    assert nth > 1, f"the executor never came to {point}"


async def live(place: Path, runservice: MemoryRunservice, driver: FakeDriver, task: Job) -> None:
    """One life of an executor, until the job has ended and everything is cleared away."""
    ids: Iterator[int] = count()
    new_id: Callable[[], str] = lambda: f"executor-{next(ids)}"  # noqa: E731 - typed
    service = ExecutorService(
        ExecutorSettings(),
        place,
        runservice,
        driver,
        clock=lambda: datetime.now(UTC),
        new_id=new_id,
        loopback_only=True,
    )
    await service.start()
    async with anyio.create_task_group() as group:
        group.start_soon(service.work)
        report = await runservice.ended(task)
        assert report.outcome is Outcome.SUCCESS, report.reason
        await runservice.until(lambda: not runservice.syncs[-1].jobs)
        await service.remove_leftovers()
        await eventually(lambda: not driver.pods)
        group.cancel_scope.cancel()


def texts(root: Path) -> list[str]:
    return [path.read_text() for path in root.rglob("*") if path.is_file()]
