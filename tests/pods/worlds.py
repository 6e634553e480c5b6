"""A driver under test with what differs from driver to driver: how to make a command wait, how to kill a pod."""

import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal, Protocol

import anyio

from tests.require import require
from tidemill.errors import Internal
from tidemill.pods import Chore, Driver, Exec, Pack, Pod, PodSpec, Progress, Render, Unpack
from tidemill.pods.fake import FakeDriver
from tidemill.pods.host import HostDriver
from tidemill.pods.host.line import Line
from tidemill.pods.host.pod import HostPod

PATH = "/usr/local/bin:/usr/bin:/bin"
DEADLINE = 20.0


class World(Protocol):
    """A driver, and the words that its commands understand."""

    driver: Driver
    ignore_term: str
    """The instruction to ignore TERM."""

    def wait(self, gate: str) -> str:
        """The instruction to wait at a gate."""
        ...

    def write(self, path: str, text: str) -> str:
        """The instruction to make a file with a line."""
        ...

    async def release(self, pod: Pod, gate: str) -> None:
        """Let through whoever waits there."""
        ...

    async def kill(self, pod: Pod) -> None:
        """Let a pod vanish in the middle of its work."""
        ...


class FakeWorld:
    """The driver of words."""

    ignore_term = "ignore-term"

    def __init__(self) -> None:
        self.fake = FakeDriver()
        self.driver: Driver = self.fake

    def wait(self, gate: str) -> str:
        return f"wait {gate}"

    def write(self, path: str, text: str) -> str:
        return f"write {path} {text}"

    async def release(self, pod: Pod, gate: str) -> None:
        self.fake.release(gate)

    async def kill(self, pod: Pod) -> None:
        self.fake.kill(pod.id)


class HostWorld:
    """The host driver, whose commands are shell scripts that wait at a fifo in their home."""

    ignore_term = "trap '' TERM"

    def __init__(self, driver: HostDriver, directory: Path) -> None:
        self.host = driver
        self.driver: Driver = driver
        self.directory = directory

    def wait(self, gate: str) -> str:
        return f"mkfifo ~/{gate} 2>/dev/null || true; read -r _ < ~/{gate}"

    def write(self, path: str, text: str) -> str:
        return f'mkdir -p "$(dirname {path})"; echo {text} > {path}'

    def home(self, pod: Pod) -> Path:
        return self.directory / pod.id / "home"

    async def release(self, pod: Pod, gate: str) -> None:
        path = self.home(pod) / gate
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path)
        with anyio.fail_after(DEADLINE):
            await anyio.to_thread.run_sync(path.write_text, "go\n", abandon_on_cancel=True)

    async def kill(self, pod: Pod) -> None:
        assert isinstance(pod, HostPod)
        line = Line.to(pod.directory)
        process = line.supervisor()
        line.close()
        signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)


async def host_world(
    directory: Path, sandbox: Literal["on", "off"], *, hide: tuple[Path, ...] = (), pool: int = 1
) -> HostWorld:
    """A started host driver; skips where it is to be sandboxed and cannot."""
    if sandbox == "on":
        require("bubblewrap", shutil.which("bwrap") is not None, "bwrap is not installed")
    driver = HostDriver(directory, hide=hide, sandbox=sandbox, pool=pool, path=PATH)
    try:
        await driver.start()
    except Internal as failure:
        require("bubblewrap", available=False, reason=failure.message)
    return HostWorld(driver, directory)


def unheard(_: str) -> None:
    """A setup log that nobody reads."""


async def prepare(world: World, pod_id: str = "pod", working_dir: str = "~/project") -> Pod:
    """A pod, within the deadline."""
    with anyio.fail_after(DEADLINE):
        return await world.driver.prepare(PodSpec(id=pod_id, working_dir=working_dir), unheard)


def shell(script: str, key: str = "step", **options: object) -> Exec:
    """A command that runs *script* in the world's language."""
    return Exec(key=key, argv=("/bin/sh", "-e"), script=script, **options)  # type: ignore[arg-type]


async def until(pod: Pod, key: str, enough: Callable[[Progress], bool]) -> Progress:
    """Follow a command until that holds."""
    with anyio.fail_after(DEADLINE):
        async for progress in pod.follow(key):
            if enough(progress):
                return progress
    raise AssertionError("the command's progress was told to its end, and it never held")


async def ended(pod: Pod, key: str = "step") -> Progress:
    """Follow a command to its end."""
    return await until(pod, key, lambda progress: progress.ended)


async def has_output(pod: Pod, text: bytes, key: str = "step") -> None:
    """Follow a command until its output holds *text*."""
    with anyio.fail_after(DEADLINE):
        async for progress in pod.follow(key):
            if text in await pod.read(key, 0, progress.size):
                return
    raise AssertionError(f"the output never held {text!r}")


async def run(pod: Pod, command: Exec) -> tuple[Progress, bytes]:
    """Run a command to its end; its progress then, and all of its output."""
    with anyio.fail_after(DEADLINE):
        await pod.start(command)
        progress = await ended(pod, command.key)
        output = b""
        while data := await pod.read(command.key, len(output), 1 << 20):
            output += data
    assert progress.size == len(output)
    return progress, output


async def finished(
    pod: Pod, chore: Chore, archive: AsyncIterator[bytes] | None = None
) -> tuple[int | None, bytes]:
    """Do a chore to its end; its exit code and what it said."""
    with anyio.fail_after(DEADLINE):
        await pod.do(chore, archive)
        progress = await ended(pod, chore.key)
        return progress.exit_code, await pod.read(chore.key, 0, progress.size)


async def made(pod: Pod, key: str) -> bytes:
    """What a chore has made."""
    return b"".join([block async for block in pod.made(key)])


async def once(data: bytes) -> AsyncIterator[bytes]:
    """*data* as a stream."""
    yield data


def chore(order: Pack | Unpack | Render, key: str = "chore", **options: object) -> Chore:
    """A chore in the task's working directory."""
    return Chore(key=key, order=order, **({"working_dir": "~/project"} | options))  # type: ignore[arg-type]
