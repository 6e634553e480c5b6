"""Removing a pod: first everything that runs in it, then its directory."""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import anyio
import structlog
from anyio import to_thread

from tidemill.pods import PodLost
from tidemill.pods.host.inside.processes import mark_of
from tidemill.pods.host.line import Line, Refused

log = structlog.get_logger()

MARK = "mark"
"""The file with the secret by which a pod's processes are known."""
PATIENCE = 10.0
"""Seconds for a supervisor to die with everything in its pod, and again after it was killed."""
ATTEMPTS = 5


async def remove(directory: Path) -> None:
    """Kill what runs in the pod in *directory* and remove it; doing it again is harmless."""
    if not await anyio.Path(directory).exists():
        return
    try:
        with Line.to(directory) as line:
            await kill(line)
    except PodLost:
        await to_thread.run_sync(kill_orphans, directory)
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(delete, directory)


async def kill(line: Line) -> None:
    """Make the supervisor at the other end die, and everything in its pod before it."""
    try:
        process = line.supervisor()
    except OSError:
        return  # it has just died
    try:
        with suppress(PodLost, Refused):
            await line.ask(b"close", seconds=PATIENCE)
        if await has_died(process):
            return
        signal.pidfd_send_signal(process, signal.SIGKILL)
        if not await has_died(process):
            log.error("a supervisor does not die", pidfd=process)
    finally:
        os.close(process)


async def has_died(process: int) -> bool:
    """Wait for the end of a process, within our patience."""
    loop = asyncio.get_running_loop()
    died = asyncio.Event()
    loop.add_reader(process, died.set)
    try:
        with anyio.move_on_after(PATIENCE):
            await died.wait()
    finally:
        loop.remove_reader(process)
    return died.is_set()


def kill_orphans(directory: Path) -> None:
    """Kill processes that carry the pod's mark: without a sandbox they survive their supervisor."""
    try:
        mark = (directory / MARK).read_bytes()
    except FileNotFoundError:
        return  # it was not even begun
    for process in Path("/proc").glob("[0-9]*"):
        if mark and mark_of(int(process.name)).partition(b"/")[0] == mark:
            with suppress(OSError):
                os.kill(int(process.name), signal.SIGKILL)


def delete(directory: Path) -> None:
    """Delete a directory, also parts that forbid it, while the last processes in it may still be dying."""
    for attempt in range(ATTEMPTS):
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            if not directory.exists():
                return
        except OSError:
            if attempt == ATTEMPTS - 1:
                raise
            open_up(directory)
        else:
            return


def open_up(directory: Path) -> None:
    """Give ourselves back every directory that a task has closed to us."""
    directory.chmod(0o700)
    for folder, names, _ in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)
