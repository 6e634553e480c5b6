"""The null driver executes nothing, and tells of it as the others tell of what they execute."""

import time
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from tests.pods.worlds import DEADLINE, chore, ended, finished, made, once, shell, unheard, until
from tidemill.pods import Pack, PodLost, PodSpec, Render, Unpack
from tidemill.pods.null import NullDriver
from tidemill.pods.null.script import Command, state

pytestmark = pytest.mark.anyio

SPEC = PodSpec(id="job.1", working_dir="~")


@pytest.fixture
async def driver(tmp_path: Path, anyio_backend: str) -> NullDriver:
    driver = NullDriver(tmp_path / "pods")
    await driver.start()
    return driver


async def test_any_command_succeeds_at_once(driver: NullDriver) -> None:
    """What is not a word of its own takes no time, prints nothing and succeeds."""
    pod = await driver.prepare(SPEC, unheard)
    await pod.start(shell("set -e\nmake -j4 test && ./deploy.sh"))
    progress = await ended(pod)
    assert (progress.exit_code, progress.size) == (0, 0)
    assert progress.started_at == progress.ended_at


async def test_words_print_and_end(driver: NullDriver) -> None:
    """Text, floods and an exit code; what follows `exit` is not done."""
    pod = await driver.prepare(SPEC, unheard)
    await pod.start(shell("echo one\nflood 1000000\necho two\nexit 3\necho never"))
    progress = await ended(pod)
    assert (progress.exit_code, progress.size) == (3, 1_000_008)
    whole = await pod.read("step", 0, 2_000_000)
    assert len(whole) == 1_000_008
    assert whole.startswith(b"one\nthe quick")
    assert whole.endswith(b"two\n")
    assert b"".join([await pod.read("step", at, 777) for at in range(0, 1_000_008, 777)]) == whole


async def test_too_much_is_counted_and_never_there(driver: NullDriver) -> None:
    """As with real commands."""
    pod = await driver.prepare(SPEC, unheard)
    await pod.start(shell("echo one\nflood 1000000\nexit 3", most=10))
    progress = await ended(pod)
    assert (progress.exit_code, progress.size, progress.left_out) == (3, 10, 999_994)
    assert await pod.read("step", 2, 100) == b"e\nthe qu"
    assert await pod.read("step", 10, 100) == b""


@pytest.mark.parametrize(
    ("after", "lines", "is_over"), [(0, 0, False), (0.35, 3, False), (1.05, 10, False), (1.5, 10, True)]
)
def test_a_command_is_a_function_of_the_time(after: float, lines: int, is_over: bool) -> None:
    """Ten lines over a second, then half a second of silence: the same for whoever looks, whenever they look."""
    now = state(Command(script="lines 10 1\nsleep 0.4", started_at=100), 100 + after)
    assert (now.size, now.ended_at is not None) == (7 * lines, is_over)


async def test_a_command_goes_on_without_its_executor(driver: NullDriver, tmp_path: Path) -> None:
    """A driver of another life finds the pod, and the command where it would be by now."""
    pod = await driver.prepare(SPEC, unheard)
    gate = tmp_path / "gate"
    await pod.start(shell(f"echo before\nwait {gate}\necho after"))
    again = await NullDriver(tmp_path / "pods").adopt("job.1")
    assert await again.read("step", 0, 100) == b"before\n"
    gate.touch()
    assert (await ended(again)).exit_code == 0
    assert await again.read("step", 0, 100) == b"before\nafter\n"


async def test_a_start_leaves_one_mark(driver: NullDriver, tmp_path: Path) -> None:
    """However often it is started, in whatever life, the file has one line with the pod's name."""
    pod = await driver.prepare(SPEC, unheard)
    command = shell(f"mark {tmp_path / 'marks'}")
    await pod.start(command)
    await pod.start(command)
    await (await NullDriver(tmp_path / "pods").adopt("job.1")).start(command)
    (mark,) = (tmp_path / "marks").read_text().splitlines()
    assert mark.split()[:2] == ["job.1", "step"]


async def test_stopping_ends_a_command(driver: NullDriver) -> None:
    """With TERM's code at once, with KILL's after the grace where it ignores that."""
    pod = await driver.prepare(SPEC, unheard)
    await pod.start(shell("sleep 1000"))
    await pod.stop("step", 10)
    assert (await ended(pod)).exit_code == 143
    await pod.start(shell("ignore-term\nsleep 1000", key="stubborn"))
    began = time.time()
    await pod.stop("stubborn", 0.1)
    progress = await until(pod, "stubborn", lambda progress: progress.ended)
    assert progress.exit_code == 137
    assert time.time() - began >= 0.1


async def test_a_removed_pod_is_lost(driver: NullDriver) -> None:
    """For who follows, reads, starts or adopts; and no leftover."""
    pod = await driver.prepare(SPEC, unheard)
    await pod.start(shell("sleep 1000"))
    assert await driver.leftovers() == ["job.1"]

    async def follow() -> None:
        with pytest.raises(PodLost):
            await ended(pod)

    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await anyio.lowlevel.checkpoint()
            await driver.remove("job.1")
    with pytest.raises(PodLost):
        await driver.adopt("job.1")
    assert await driver.leftovers() == []


async def test_chores_are_done_with_nothing(driver: NullDriver) -> None:
    """Packed is an archive without files, unpacked is dropped, a key is its template."""
    pod = await driver.prepare(SPEC, unheard)
    assert await finished(pod, chore(Pack(contents=()), "pack")) == (0, b"")
    archive = await made(pod, "pack")
    assert archive == bytes(10240)
    assert await finished(pod, chore(Unpack(dest_dir=""), "unpack"), once(archive)) == (0, b"")
    assert await finished(pod, chore(Render(template="a-{{ .Branch }}"), "key")) == (0, b"")
    assert await made(pod, "key") == b"a-{{ .Branch }}"
