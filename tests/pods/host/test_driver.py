"""Pods of the host driver across the deaths of executors and supervisors, and what is left on disk."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import anyio
import pytest

from tests.pods.conftest import leave
from tests.pods.worlds import (
    DEADLINE,
    PATH,
    HostWorld,
    ended,
    has_output,
    host_world,
    prepare,
    run,
    shell,
    unheard,
)
from tidemill.errors import Internal
from tidemill.pods import PodFailed, PodLost, PodSpec
from tidemill.pods.host import HostDriver
from tidemill.pods.host.line import Line
from tidemill.pods.host.pool import WARM
from tidemill.pods.host.removal import has_died

pytestmark = pytest.mark.anyio

LOCK = "exec 9>~/lock; flock 9"
ROOT = Path(__file__).parents[3]


def supervisor(directory: Path) -> int:
    """A descriptor of the process of a pod's supervisor."""
    with Line.to(directory) as line:
        return line.supervisor()


def warm_pods(directory: Path) -> set[str]:
    """Names of pods without a task."""
    return {path.name for path in directory.glob(f"{WARM}*")}


@contextmanager
def executor(directory: Path, sandbox: str, script: str) -> Iterator["subprocess.Popen[str]"]:
    """An executor in a process of its own."""
    command = [sys.executable, "-m", "tests.pods.host.executor", str(directory), sandbox, script]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("sandbox", ["on", "off"])
async def test_pods_outlive_their_executor(tmp_path: Path, sandbox: Literal["on", "off"]) -> None:
    """After kill -9 a pod goes on and is adopted with all of its output; one without a task dies."""
    directory = tmp_path / "pods"
    world = await host_world(directory, sandbox, pool=0)  # skips here, and knows the words
    await world.driver.close()
    script = f"echo before; {world.wait('one')}\necho between; {world.wait('two')}\necho after; exit 7"
    with executor(directory, sandbox, script) as process, anyio.fail_after(DEADLINE):
        assert process.stdout is not None
        unclaimed = Path((await anyio.to_thread.run_sync(process.stdout.readline)).strip())
        idle, busy = supervisor(unclaimed), supervisor(directory / "pod")
        process.kill()
        assert await has_died(idle)
    os.close(idle)

    world = await host_world(directory, sandbox)
    assert await world.driver.leftovers() == ["pod"]
    assert warm_pods(directory).isdisjoint({unclaimed.name})
    pod = await world.driver.adopt("pod")
    await world.release(pod, "one")
    await has_output(pod, b"before\nbetween\n")
    await world.release(pod, "two")
    assert (await ended(pod)).exit_code == 7
    assert await pod.read("step", 0, 100) == b"before\nbetween\nafter\n"
    await pod.close()
    assert await has_died(busy)
    os.close(busy)
    await world.driver.close()


async def test_what_ended_before_its_supervisor_died_is_known(host: HostWorld) -> None:
    """Results stand on disk: an adopted pod without a supervisor tells them, and starts nothing new."""
    pod = await prepare(host)
    command = shell("echo done; exit 3")
    before, _ = await run(pod, command)
    await pod.start(shell(f"echo ready; {host.wait('gate')}", key="cut"))
    await has_output(pod, b"ready\n", key="cut")
    process = supervisor(host.directory / "pod")
    await host.kill(pod)
    assert await has_died(process)
    os.close(process)

    pod = await host.driver.adopt("pod")
    await pod.start(command)
    assert await ended(pod) == before
    assert await pod.read("step", 0, 100) == b"done\n"
    assert await pod.read("cut", 0, 100) == b"ready\n"
    with pytest.raises(PodLost):
        await ended(pod, "cut")
    with pytest.raises(PodLost):
        await pod.start(shell("echo new", key="new"))
    with pytest.raises(PodLost):
        await pod.stop("cut", 1.0)


async def test_orphans_of_a_dead_supervisor_end_with_the_pod(
    host: HostWorld, tmp_path: Path, anyio_backend: str
) -> None:
    """What survives its supervisor is killed when the pod is removed, and no namesake's processes are."""
    namesake = await host_world(tmp_path / "others", "off")
    bystander = await prepare(namesake)
    await bystander.start(shell(f"echo ready; {namesake.wait('gate')}"))
    await has_output(bystander, b"ready\n")
    pod = await prepare(host)
    await pod.start(shell(f"{LOCK}; echo ready; {host.wait('gate')}"))
    await has_output(pod, b"ready\n")
    process = supervisor(host.directory / "pod")
    await host.kill(pod)
    assert await has_died(process)
    os.close(process)
    with (host.home(pod) / "lock").open("w") as lock:
        await pod.close()
        with anyio.fail_after(DEADLINE):
            await anyio.to_thread.run_sync(fcntl.flock, lock, fcntl.LOCK_EX, abandon_on_cancel=True)
    await namesake.release(bystander, "gate")
    assert (await ended(bystander)).exit_code == 0
    await leave(namesake)


async def test_a_hung_supervisor_is_removed(host: HostWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not answer is killed, with everything in the pod."""
    pod = await prepare(host)
    process = supervisor(host.directory / "pod")
    signal.pidfd_send_signal(process, signal.SIGSTOP)
    with monkeypatch.context() as impatience:
        impatience.setattr("tidemill.pods.host.removal.PATIENCE", 0.2)
        await pod.close()
    assert await has_died(process)
    os.close(process)
    assert await host.driver.leftovers() == []


async def test_a_pod_is_prepared_again(host: HostWorld) -> None:
    """A pod of the same id from an earlier attempt gives way."""
    first = await prepare(host)
    await run(first, shell("touch ~/here"))
    second = await prepare(host)
    _, output = await run(second, shell("ls -A ~"))
    assert output == b"project\n"


async def test_an_impossible_working_directory_fails_the_pod(host: HostWorld) -> None:
    """The reason is told, and nothing is left."""
    with pytest.raises(PodFailed, match="the working directory cannot be made"):
        await host.driver.prepare(PodSpec(id="pod", working_dir="/dev/null/x"), unheard)
    assert await host.driver.leftovers() == []


async def test_a_pod_made_ahead_that_died_is_replaced(host: HostWorld) -> None:
    """A task never gets a dead pod."""
    pool = host.host._pool
    assert pool is not None
    warm = await pool.take()
    process = supervisor(warm.directory)
    warm.line.close()
    assert await has_died(process)
    os.close(process)
    pool._ready.appendleft(warm)
    pod = await prepare(host)
    _, output = await run(pod, shell("echo alive"))
    assert output == b"alive\n"
    assert not list(host.directory.glob(f"{WARM}*/home/project"))


async def test_only_its_owner_sees_a_pod(host: HostWorld) -> None:
    """Directories are private: output may hold what nobody else should read."""
    await prepare(host)
    for path in (host.directory, host.directory / "pod"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


async def test_closing_the_driver_keeps_pods_with_a_task(host: HostWorld) -> None:
    """Pods made ahead go with the driver, the others stay."""
    pod = await prepare(host)
    await host.driver.close()
    assert {path.name for path in host.directory.iterdir()} - {".program"} == {"pod"}
    _, output = await run(pod, shell("echo alive"))
    assert output == b"alive\n"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".warm-1", "a\nb", "x" * 201])
async def test_a_name_is_not_a_path(host: HostWorld, name: str) -> None:
    """Ids and keys that would lead elsewhere are refused."""
    with pytest.raises(ValueError, match="cannot name a pod or a command"):
        await host.driver.prepare(PodSpec(id=name, working_dir="~"), unheard)
    pod = await prepare(host)
    with pytest.raises(ValueError, match="cannot name a pod or a command"):
        await pod.start(shell("true", key=name))


def broken_bubblewrap(directory: Path) -> str:
    """A PATH on which bubblewrap does not work."""
    program = directory / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    return f"{program.parent}:{PATH}"


async def test_without_a_sandbox_that_is_said(tmp_path: Path, anyio_backend: str) -> None:
    """Where bubblewrap does not work, the log of the server and of every setup says so and why."""
    driver = HostDriver(tmp_path / "pods", path=broken_bubblewrap(tmp_path))
    await driver.start()
    said: list[str] = []
    pod = await driver.prepare(PodSpec(id="pod", working_dir="~"), said.append)
    await pod.close()
    await driver.close()
    assert not driver.sandboxed
    assert said == [driver.notice]
    assert "No permissions to create new namespace" in driver.notice


async def test_a_demanded_sandbox_is_not_done_without(tmp_path: Path, anyio_backend: str) -> None:
    """With `on` the driver does not start where bubblewrap does not work."""
    driver = HostDriver(tmp_path / "pods", sandbox="on", path=broken_bubblewrap(tmp_path))
    with pytest.raises(Internal, match="No permissions to create new namespace"):
        await driver.start()
