"""One git process: its pipes in the event loop, its end, and the end of its whole process group.

Started with `subprocess.Popen`, which uses vfork, and not through the event loop: uvloop forks, which
blocks the loop for 7 ms per start in a server of 150 MB (measured; vfork 0.15 ms).
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import anyio.to_thread

#: Read and written at once; a pipe holds as much.
BLOCK = 64 * 1024
#: Seconds to come to an end once there is no more input, and then once it was told to end.
GRACE = 0.5
PATIENCE = 2.0
_MAX_COMPLAINT = 4096


class Process:
    """A running process that leads a group of its own. Whoever starts it calls `close`."""

    def __init__(self, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> None:
        self._complaint = ""
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        try:
            self._popen = subprocess.Popen(
                argv,
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                bufsize=0,
                start_new_session=True,
            )
        except BaseException:
            self._complaints.close()
            raise
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._stdin = self._popen.stdin
        self._stdout = self._popen.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    async def read(self, size: int = BLOCK) -> bytes:
        """Some bytes of its output; b"" at the end."""
        while not self._stdout.closed:
            try:
                return os.read(self._stdout.fileno(), size)
            except BlockingIOError:
                await anyio.wait_readable(self._stdout)
        return b""

    async def write(self, data: bytes) -> None:
        """Give it all of *data*. Raises BrokenPipeError when it no longer reads."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._stdin.fileno(), left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._stdin)

    def end_input(self) -> None:
        """Tell it that nothing more comes."""
        self._stdin.close()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        if self._popen.poll() is None:
            try:
                pidfd = os.pidfd_open(self.pid)
            except (AttributeError, OSError):  # not Linux, or a kernel without pidfds
                return await anyio.to_thread.run_sync(self._popen.wait, abandon_on_cancel=True)
            try:
                await anyio.wait_readable(pidfd)
            finally:
                os.close(pidfd)
        return self._popen.wait()

    def complaint(self) -> str:
        """What it wrote to its standard error, the end of it."""
        if not self._complaints.closed:
            size = self._complaints.seek(0, os.SEEK_END)
            self._complaints.seek(max(0, size - _MAX_COMPLAINT))
            self._complaint = self._complaints.read().decode(errors="replace").strip()
        return self._complaint

    async def close(self) -> None:
        """End it if it still runs, as politely as it lets us.

        At the end of its input git gives up by itself and removes its locks and half-written objects;
        signals reach a receive-pack and its children in no order, and leave some of that behind.
        """
        with anyio.CancelScope(shield=True):
            self._stdin.close()
            if self.is_running:
                with anyio.move_on_after(GRACE):
                    while await self.read():
                        pass
                    await self.wait()
            for number in (signal.SIGTERM, signal.SIGKILL):
                if self.is_running:
                    self._signal(number)
                    with anyio.move_on_after(PATIENCE):
                        await self.wait()
            self._stdout.close()
            self.complaint()
            self._complaints.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return  # ended meanwhile
