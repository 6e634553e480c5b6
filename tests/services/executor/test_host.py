"""The same on processes of this machine: jobs are done, stopped, and survive their executor."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.pods.worlds import PATH, HostWorld
from tests.require import require
from tests.services.executor.conftest import Life, job
from tests.services.executor.runservice import MemoryRunservice
from tidemill.core.job import JobId, Outcome
from tidemill.core.run import StepPhase
from tidemill.pods import Driver
from tidemill.pods.host import HostDriver

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["on", "off"])
def new_driver(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], HostDriver]:
    """A driver for each life of the executor, with a sandbox and without."""
    if request.param == "on":
        require("bubblewrap", shutil.which("bwrap") is not None, "bwrap is not installed")
    return lambda: HostDriver(tmp_path / "pods", sandbox=request.param, path=PATH)


@pytest.fixture(autouse=True)
async def host(
    new_driver: Callable[[], HostDriver], tmp_path: Path, anyio_backend: str
) -> AsyncIterator[HostWorld]:
    """What a test does with pods beside the executor."""
    world = HostWorld(new_driver(), tmp_path / "pods")
    yield world
    for pod_id in await world.driver.leftovers():
        await world.driver.remove(pod_id)


@pytest.fixture
def driver(host: HostWorld) -> Driver:
    return host.driver


async def test_a_job_is_done(life: Life, runservice: MemoryRunservice, driver: Driver) -> None:
    """Steps share a home, a secret stays hidden, the pod is removed."""
    script = 'echo "$SECRET" | tee ~/kept; pwd | sed "s,$HOME,~,"'
    task = runservice.add(
        job(script, "cat ~/kept; false", "true", variables={"SECRET": "t"}), {"t": "open sesame"}
    )
    async with life():
        report = await runservice.ended(task)
        assert report.outcome is Outcome.FAILED
        assert [(step.phase, step.exit_code) for step in report.steps] == [
            (StepPhase.SUCCESS, 0),
            (StepPhase.FAILED, 1),
            (StepPhase.NOT_STARTED, None),
        ]
        assert (task.log(0), task.log(1)) == (b"***\n~/project\n", b"***\n")
        assert b"host: " in task.log(-1)
        await removed(driver)


@pytest.mark.parametrize(
    ("changes", "words", "code"),
    [({"shell": "/no/such/shell -e"}, b"/no/such/shell", 127), ({"working_dir": "~/nowhere"}, b"nowhere", 1)],
)
async def test_a_step_that_cannot_be_started_says_why(
    life: Life, runservice: MemoryRunservice, changes: dict[str, str], words: bytes, code: int
) -> None:
    """Its log names what is missing, and it fails with a code."""
    task = runservice.add(job("true", step=changes))
    async with life():
        report = await runservice.ended(task)
        assert (report.outcome, report.steps[0].exit_code) == (Outcome.FAILED, code)
        assert words in task.log(0)


async def test_a_job_is_stopped_with_all_its_children(
    life: Life, runservice: MemoryRunservice, driver: Driver, host: HostWorld
) -> None:
    """What it has started in the background dies with it."""
    task = runservice.add(job(f"sleep 86399 &\necho begun\n{host.wait('gate')}"))
    async with life():
        await runservice.until(lambda: task.log(0) == b"begun\n")
        runservice.stop(JobId("job"))
        assert (await runservice.ended(task)).outcome is Outcome.STOPPED
        await removed(driver)
    assert not sleepers("86399")


async def test_a_running_step_goes_on_without_its_executor(
    life: Life, runservice: MemoryRunservice, driver: Driver, host: HostWorld
) -> None:
    """It ends while nobody is there; the next life reads it to its end and does the rest."""
    task = runservice.add(job(f"echo one\n{host.wait('gate')}\necho two", "echo three"))
    async with life():
        await runservice.until(lambda: task.log(0) == b"one\n")
    pod = await driver.adopt("job.1")
    await host.release(pod, "gate")
    async for progress in pod.follow("step-0"):
        assert progress.exit_code in (None, 0)
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert (task.log(0), task.log(1)) == (b"one\ntwo\n", b"three\n")


async def test_a_dead_pod_fails_its_job(
    life: Life, runservice: MemoryRunservice, driver: Driver, host: HostWorld
) -> None:
    """It is told while the executor is there; what was said before is kept."""
    task = runservice.add(job(f"echo one\n{host.wait('gate')}"))
    async with life():
        await runservice.until(lambda: task.log(0) == b"one\n")
        await host.kill(await driver.adopt("job.1"))
        report = await runservice.ended(task)
        assert report.outcome is Outcome.FAILED
        assert report.reason.startswith("the sandbox is gone")
        assert task.log(0) == b"one\n"
        await removed(driver)


async def test_what_a_pod_said_before_it_died_unseen_is_kept(
    life: Life, runservice: MemoryRunservice, driver: Driver, host: HostWorld
) -> None:
    """It prints and dies while no executor is there; the next life ships what it printed, and fails the job."""
    task = runservice.add(job(f"echo one\n{host.wait('first')}\necho two\n{host.wait('second')}"))
    async with life():
        await runservice.until(lambda: task.log(0) == b"one\n")
    pod = await driver.adopt("job.1")
    await host.release(pod, "first")
    async for progress in pod.follow("step-0"):
        if progress.size == len(b"one\ntwo\n"):
            break
    await host.kill(pod)
    async with life():
        report = await runservice.ended(task)
        assert report.outcome is Outcome.FAILED
        assert report.reason.startswith("the sandbox is gone")
        assert task.log(0) == b"one\ntwo\n"


async def test_a_flood_arrives_whole(life: Life, runservice: MemoryRunservice) -> None:
    """Ten megabytes on one line and bytes that are no text."""
    task = runservice.add(job("head -c 10000000 /dev/zero | tr '\\0' x; printf '\\377\\376\\n'"))
    async with life():
        assert (await runservice.ended(task)).outcome is Outcome.SUCCESS
        assert task.log(0) == b"x" * 10_000_000 + b"\xff\xfe\n"


async def removed(driver: Driver) -> None:
    with anyio.fail_after(10):
        while await driver.leftovers():
            await checkpoint()


def sleepers(seconds: str) -> list[Path]:
    """Processes that sleep for so long."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{seconds}\0".encode():
                found.append(path)
        except OSError:
            continue
    return found
