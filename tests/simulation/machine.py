"""A machine that executors run on: its disk, its pods, and what is left of both when the power fails."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
from msgspec.structs import replace

from tests.simulation.history import History
from tests.simulation.process import EPOCH, PROCESS
from tidemill.pods import Chore, Exec, PodLost, PodSpec, Progress
from tidemill.pods.null.script import Command, State, state


class Execution:
    """A command that was started once; the world remembers it after its pod is gone."""

    def __init__(self, pod: str, step: int, command: Command) -> None:
        self.pod = pod
        self.step = step
        self.command = command
        self.lost_at: float | None = None
        """When its machine crashed or its pod was removed under it."""
        self.is_crashed = False
        """It was its machine that crashed."""

    def state(self, now: float) -> State:
        """How far it is; no further than when it was lost."""
        return state(self.command, now if self.lost_at is None else min(now, self.lost_at))


class Machine:
    """A disk and pods, which outlive processes."""

    def __init__(
        self,
        name: str,
        seed: int,
        disk: Path,
        history: History,
        started: Callable[["Machine", Execution], None],
    ) -> None:
        self.name = name
        self.seed = seed
        self.disk = disk
        self.boots = 1
        self.pods: dict[str, dict[str, Execution]] = {}
        self.started = started
        self.changed = asyncio.Event()
        self._history = history
        self._durable: dict[Path, bytes] = {}
        self._dice = random.Random(f"{seed} {name}")
        disk.mkdir(parents=True)

    @property
    def boot(self) -> str:
        return f"{self.name}-boot-{self.boots}"

    def wrote(self, path: Path, content: bytes, *, durable: bool) -> None:
        """A file was replaced; only what is durable is sure to be there after a crash."""
        if durable:
            self._durable[path] = content

    def crash(self) -> None:
        """Everything in memory is gone; of what was not durable, some."""
        self.boots += 1
        now = asyncio.get_running_loop().time()
        for pod, executions in list(self.pods.items()):
            for execution in executions.values():
                execution.is_crashed = True
            self.drop(pod, now)
        for path in sorted((self.disk / "executor" / "jobs").glob("*")):
            self._crash_job(path)

    def _crash_job(self, path: Path) -> None:
        if self._dice.random() < 0.3 and not any(known.parent == path for known in self._durable):
            shutil.rmtree(path)
            return
        for file in sorted(path.iterdir()):
            if self._dice.random() < 0.5:
                continue  # it had reached the disk by itself
            if file in self._durable:
                file.write_bytes(self._durable[file])
            else:
                file.unlink()

    def drop(self, pod: str, now: float) -> None:
        """End a pod and all in it."""
        for execution in self.pods.pop(pod, {}).values():
            if execution.lost_at is None:
                execution.lost_at = now
        self.tell()

    def tell(self) -> None:
        """Something has changed about a command."""
        self.changed.set()
        self.changed = asyncio.Event()


class SimulatedDriver:
    """Pods of one life of an executor: every call takes time, so that it can die in between."""

    runtimes: tuple[str, ...] = ("host",)
    sandboxed = True
    notice = "simulated"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._dice = random.Random(f"{machine.seed} {machine.name} {PROCESS.get()!r}")

    async def start(self) -> None:
        """Nothing is needed."""

    async def prepare(self, spec: PodSpec, say: Callable[[str], None]) -> "SimulatedPod":
        """See `pods.Driver`."""
        await self.moment()
        say(self.notice)
        self._machine.drop(spec.id, asyncio.get_running_loop().time())
        self._machine.pods[spec.id] = {}
        await self.moment()
        return SimulatedPod(spec.id, self._machine, self)

    async def adopt(self, pod_id: str) -> "SimulatedPod":
        """See `pods.Driver`."""
        await self.moment()
        pod = SimulatedPod(pod_id, self._machine, self)
        pod.commands()
        return pod

    async def leftovers(self) -> list[str]:
        """See `pods.Driver`."""
        await self.moment()
        return sorted(self._machine.pods)

    async def remove(self, pod_id: str) -> None:
        """See `pods.Driver`."""
        await self.moment()
        self._machine.drop(pod_id, asyncio.get_running_loop().time())
        await self.moment()

    async def close(self) -> None:
        """Pods stay."""

    async def moment(self) -> None:
        """What anything takes."""
        await asyncio.sleep(self._dice.uniform(0.0005, 0.01))


class SimulatedPod:
    """A pod whose commands are functions of the time (`pods/null/script`)."""

    def __init__(self, id: str, machine: Machine, driver: SimulatedDriver) -> None:
        self.id = id
        self._machine = machine
        self._driver = driver

    def commands(self) -> dict[str, Execution]:
        """Raises `PodLost` when it is gone."""
        try:
            return self._machine.pods[self.id]
        except KeyError as error:
            raise PodLost(f"there is no pod {self.id}") from error

    async def start(self, exec: Exec) -> None:
        """See `pods.Pod`."""
        await self._driver.moment()
        commands = self.commands()
        if exec.key not in commands:
            command = Command(script=exec.script or "", started_at=asyncio.get_running_loop().time())
            commands[exec.key] = Execution(self.id, int(exec.key.removeprefix("step-")), command)
            self._machine.started(self._machine, commands[exec.key])
            self._machine.tell()
        await self._driver.moment()

    async def do(self, chore: Chore, archive: AsyncIterator[bytes] | None = None) -> None:
        """No scenario has files."""
        raise NotImplementedError

    def made(self, key: str) -> AsyncIterator[bytes]:
        """No scenario has files."""
        raise NotImplementedError

    async def follow(self, key: str) -> AsyncIterator[Progress]:
        """See `pods.Pod`."""
        loop = asyncio.get_running_loop()
        told = None
        while True:
            execution, changed = self._execution(key), self._machine.changed
            found = execution.state(loop.time())
            progress = _progress(execution.command, found)
            if progress != told:
                yield progress
            if progress.ended:
                return
            told = progress
            seconds = 15.0 if found.next_at is None else max(found.next_at - loop.time(), 0.001)
            with anyio.move_on_after(seconds):
                await changed.wait()

    async def read(self, key: str, offset: int, limit: int) -> bytes:
        """See `pods.Pod`."""
        await self._driver.moment()
        return self._execution(key).state(asyncio.get_running_loop().time()).read(offset, limit)

    async def stop(self, key: str, grace: float) -> None:
        """See `pods.Pod`."""
        await self._driver.moment()
        execution, now = self._execution(key), asyncio.get_running_loop().time()
        if execution.command.stopped_at is None and execution.state(now).ended_at is None:
            execution.command = replace(execution.command, stopped_at=now, grace=grace)
            self._machine.tell()

    async def close(self) -> None:
        """See `pods.Pod`."""
        await self._driver.remove(self.id)

    def _execution(self, key: str) -> Execution:
        try:
            return self.commands()[key]
        except KeyError as error:
            raise PodLost(f"pod {self.id} knows no command {key}") from error


def _progress(command: Command, found: State) -> Progress:
    began = EPOCH.timestamp()
    return Progress(
        size=found.size,
        ended=found.ended_at is not None,
        exit_code=found.exit_code,
        started_at=began + command.started_at,
        ended_at=None if found.ended_at is None else began + found.ended_at,
    )
