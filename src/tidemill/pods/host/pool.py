"""Pods made ahead, so that no task waits for one: a directory, a sandbox, a supervisor that listens."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import anyio
import structlog

from tidemill.pods import PodFailed, PodLost
from tidemill.pods.host.line import Line, Refused, bind
from tidemill.pods.host.program import run_program
from tidemill.pods.host.removal import MARK, remove
from tidemill.pods.host.sandbox import HOME, PROGRAM, TMP, Sandbox

log = structlog.get_logger()

WARM = ".warm-"
"""How the directory of a pod begins that has no task yet; with its maker's connection such a pod dies."""
PATIENCE = 30.0
"""Seconds for a supervisor to be there."""
DEFERENCE = 0.02
"""Seconds by which a new pod is made later, so as not to disturb the first step in the one just taken."""
PAUSE = 15.0
"""Seconds until the next attempt when a pod could not be made."""


class Warm:
    """A pod without a task: its directory, and the connection that keeps it alive."""

    def __init__(self, directory: Path, mark: str, line: Line) -> None:
        self.directory = directory
        self.mark = mark
        self.line = line

    def move(self, directory: Path) -> None:
        """Call it otherwise; what it has open moves with it."""
        self.directory = self.directory.rename(directory)

    async def discard(self) -> None:
        """Remove it."""
        self.line.close()
        await remove(self.directory)


class Pool:
    """Makes pods in *directory*, and keeps *size* of them ready once it was started."""

    def __init__(self, directory: Path, program: Path, sandbox: Sandbox | None, size: int) -> None:
        self._directory = directory
        self._program = program
        self._sandbox = sandbox
        self._size = size
        self._ready: deque[Warm] = deque()
        self._wanted = asyncio.Event()
        self._filler: asyncio.Task[None] | None = None
        self._children: dict[int, int] = {}

    def start(self) -> None:
        """Keep pods ready from now on."""
        self._wanted.set()
        self._filler = asyncio.create_task(self._fill(), name="pool of pods")

    async def take(self) -> Warm:
        """A pod, which is the caller's now; raises `PodFailed`."""
        self._wanted.set()
        if self._ready:
            return self._ready.popleft()
        return await self._make()

    async def close(self) -> None:
        """Remove the pods that nobody has taken."""
        if self._filler is not None:
            self._filler.cancel()
            with suppress(asyncio.CancelledError):
                await self._filler
        while self._ready:
            await self._ready.popleft().discard()
        for process, pid in list(self._children.items()):
            self._bury(process, pid)

    async def _fill(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await anyio.sleep(DEFERENCE)
            try:
                while len(self._ready) < self._size:
                    self._ready.append(await self._make())
            except Exception as error:  # noqa: BLE001 - whatever it is, tasks make their own pods meanwhile
                log.warning("no pod could be made ahead", reason=str(error))
                with anyio.move_on_after(PAUSE):
                    await self._wanted.wait()
                self._wanted.set()

    async def _make(self) -> Warm:
        try:
            warm = self._spawn(token_hex(8))
        except OSError as error:
            raise PodFailed(f"no sandbox could be started: {error}") from error
        try:
            await warm.line.ask(b"hello", seconds=PATIENCE)
        except (PodLost, Refused) as lost:
            said = (warm.directory / "supervisor.log").read_text(errors="replace")[-2000:].strip()
            await warm.discard()
            raise PodFailed(f"the sandbox did not start: {said or lost}") from lost
        except BaseException:
            with anyio.CancelScope(shield=True):
                await warm.discard()
            raise
        return warm

    def _spawn(self, mark: str) -> Warm:
        directory = self._directory / f"{WARM}{mark}"
        for name in ("", "home", "tmp", "steps"):
            (directory / name).mkdir(mode=0o700)
        (directory / "tmp").chmod(0o1777)
        (directory / MARK).write_text(mark)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        line = Line(ours)
        with bind(directory) as listener, theirs:
            said = os.open(directory / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                given = (listener.fileno(), theirs.fileno())
                command = self._command(directory, given)
                actions = [
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                    (os.POSIX_SPAWN_DUP2, said, 1),
                    (os.POSIX_SPAWN_DUP2, said, 2),
                    *((os.POSIX_SPAWN_DUP2, fd, fd) for fd in given),  # without its close-on-exec there
                ]
                pid = os.posix_spawn(command[0], command, {}, file_actions=actions, setsid=True)
            except OSError:
                line.close()
                raise
            finally:
                os.close(said)
        self._look_after(pid)
        return Warm(directory, mark, line)

    def _command(self, directory: Path, given: Iterable[int]) -> list[str]:
        descriptors = [str(fd) for fd in given]
        if self._sandbox is None:
            return run_program(self._program, [*descriptors, str(directory), "home", "tmp"])
        return self._sandbox.around(directory, run_program(PROGRAM, [*descriptors, HOME, HOME, TMP]))

    def _look_after(self, pid: int) -> None:
        """Have the process buried when it ends, if that is in our lifetime."""
        process = os.pidfd_open(pid)
        self._children[process] = pid
        asyncio.get_running_loop().add_reader(process, self._bury, process, pid)

    def _bury(self, process: int, pid: int) -> None:
        asyncio.get_running_loop().remove_reader(process)
        del self._children[process]
        os.close(process)
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
