"""The host driver: tasks as processes of this machine, in a sandbox where one works."""

import os
import pwd
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import anyio
from anyio import to_thread

from tidemill.errors import Internal
from tidemill.pods import PodFailed, PodLost, PodSpec
from tidemill.pods.host.line import Refused
from tidemill.pods.host.pod import HostPod, checked
from tidemill.pods.host.pool import WARM, Pool, Warm
from tidemill.pods.host.program import compile_program
from tidemill.pods.host.removal import remove
from tidemill.pods.host.sandbox import Sandbox, Unsandboxed, find_sandbox

PROGRAM, PROBE = ".program", ".probe"
CLAIM = 10.0
"""Seconds for a supervisor to take on a task."""


class HostDriver:
    """Pods are directories in *directory*; *path* is their PATH.

    *hide* is what tasks must not see, *show* what they must be able to read wherever it lies.
    """

    runtimes: tuple[str, ...] = ("host",)

    def __init__(
        self,
        directory: Path,
        *,
        hide: Sequence[Path] = (),
        show: Sequence[Path] = (),
        sandbox: Literal["auto", "on", "off"] = "auto",
        pool: int = 1,
        path: str,
    ) -> None:
        self._directory = directory.absolute()
        self._hide = (self._directory, *hide)
        self._show = tuple(show)
        self._mode = sandbox
        self._size = pool
        self._path = path
        self._pool: Pool | None = None
        self.sandboxed = False
        """Whether tasks run in a sandbox; known after `start`."""
        self.notice = ""
        """What there is to say about that, for the server's log and every setup log."""

    async def start(self) -> None:
        """Find out whether there is a sandbox, and make pods ahead from now on."""
        if sys.platform != "linux":
            raise Internal("the host driver needs Linux; use the docker driver here")
        program = await to_thread.run_sync(self._lay_out)
        sandbox = await self._choose(program)
        self.sandboxed = sandbox is not None
        for name in await to_thread.run_sync(os.listdir, self._directory):
            if name.startswith((WARM, PROBE)):
                await remove(self._directory / name)
        self._pool = Pool(self._directory, program, sandbox, self._size)
        self._pool.start()

    async def prepare(self, spec: PodSpec, say: Callable[[str], None]) -> HostPod:
        """Give a pod made ahead to a task, or make one."""
        directory = self._place(spec.id)
        say(self.notice)
        assert self._pool is not None, "start comes first"
        with suppress(PodLost):  # a pod may have died while it waited for a task
            return await self._claim(await self._pool.take(), directory, spec)
        try:
            return await self._claim(await self._pool.take(), directory, spec)
        except PodLost as lost:
            raise PodFailed(str(lost)) from lost

    async def adopt(self, pod_id: str) -> HostPod:
        """A pod on disk; with its supervisor gone it still tells what had ended by then."""
        directory = self._place(pod_id)
        if not await anyio.Path(directory).exists():
            raise PodLost(f"there is no pod {pod_id} on this host")
        return HostPod(directory)

    async def leftovers(self) -> list[str]:
        """Ids of all pods with a task."""
        names = await to_thread.run_sync(os.listdir, self._directory)
        return sorted(name for name in names if not name.startswith("."))

    async def remove(self, pod_id: str) -> None:
        """Kill and remove a pod."""
        await remove(self._place(pod_id))

    async def close(self) -> None:
        """Remove pods made ahead; the others outlive us."""
        if self._pool is not None:
            await self._pool.close()

    def _place(self, pod_id: str) -> Path:
        return self._directory / checked(pod_id)

    def _lay_out(self) -> Path:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        return compile_program(self._directory / PROGRAM)

    async def _choose(self, program: Path) -> Sandbox | None:
        """The sandbox, or none where it does not matter, and what to say about it."""
        if self._mode == "off":
            self.notice = "host: without a sandbox, as the settings say"
            return None
        pod = self._directory / PROBE
        for name in ("home", "tmp"):
            await anyio.Path(pod, name).mkdir(parents=True, exist_ok=True)
        try:
            sandbox = await find_sandbox(self._hide, self._show, self._path, pod, program)
        except Unsandboxed as reason:
            if self._mode == "on":
                raise Internal(f"host tasks need a sandbox, but {reason}") from reason
            self.notice = f"host: without a sandbox, as {reason}"
            return None
        self.notice = "host: in a sandbox with a private home and /tmp; everything else is read-only"
        return sandbox

    async def _claim(self, warm: Warm, directory: Path, spec: PodSpec) -> HostPod:
        """Turn a pod made ahead into the task's: until the supervisor knows, it dies with us."""
        user = pwd.getpwuid(os.getuid()).pw_name
        try:
            await self._rename(warm, directory)
            await warm.line.ask(
                b"claim", *map(os.fsencode, (warm.mark, spec.working_dir, self._path, user)), seconds=CLAIM
            )
        except Refused as refused:
            await warm.discard()
            raise PodFailed(f"the working directory cannot be made: {refused}") from refused
        except BaseException:
            with anyio.CancelScope(shield=True):
                await warm.discard()
            raise
        warm.line.close()
        return HostPod(directory)

    async def _rename(self, warm: Warm, directory: Path) -> None:
        try:
            warm.move(directory)
        except OSError:  # a pod of that name was begun in an earlier life
            await remove(directory)
            warm.move(directory)
