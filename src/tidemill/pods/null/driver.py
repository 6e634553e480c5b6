"""The null driver: pods that are directories with notes of what would have been executed.

A command is a note of its script and its start, and all that is ever told of it follows from that and
the clock (`script.py`). So it costs next to nothing, goes on while no executor is there, and what is left
behind can be seen: what the engine around it costs and survives is measured without the rest.
"""

import asyncio
import io
import shutil
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from tidemill.pods import Chore, Exec, Pack, PodLost, PodSpec, Progress, Render
from tidemill.pods.null.script import Command, State, state

#: Seconds between two looks for a file that a command waits for.
_LOOK = 0.02

_decode = msgspec.json.Decoder(Command).decode


class NullDriver:
    """Pods are directories in *directory*."""

    runtimes: tuple[str, ...] = ("host", "pod")
    sandboxed = True
    notice = "null: nothing is executed, steps only take their time"

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Have a place."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def prepare(self, spec: PodSpec, say: Callable[[str], None]) -> "NullPod":
        """Make a directory."""
        say(self.notice)
        await self.remove(spec.id)  # of an earlier life, in which nothing had begun
        (self._directory / spec.id).mkdir()
        return NullPod(self._directory / spec.id, self)

    async def adopt(self, pod_id: str) -> "NullPod":
        """A pod whose directory is there."""
        pod = NullPod(self._directory / pod_id, self)
        pod.check()
        return pod

    async def leftovers(self) -> list[str]:
        """Every directory."""
        return sorted(path.name for path in self._directory.iterdir())

    async def remove(self, pod_id: str) -> None:
        """Remove a directory."""
        shutil.rmtree(self._directory / pod_id, ignore_errors=True)
        self.tell()

    async def close(self) -> None:
        """Leave everything where it is."""

    def tell(self) -> None:
        """Something has been done to a command."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, seconds: float | None) -> None:
        """Wait until something is done to a command, at most that long."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass


class NullPod:
    """A directory."""

    def __init__(self, directory: Path, driver: NullDriver) -> None:
        self.id = directory.name
        self._directory = directory
        self._driver = driver

    async def start(self, exec: Exec) -> None:
        """Note that it has started, once."""
        self.check()
        if not self._note(exec.key).exists():
            self._keep(
                exec.key,
                Command(script=exec.script or "", started_at=time.time(), most=exec.most),
                begins=True,
            )

    async def do(self, chore: Chore, archive: AsyncIterator[bytes] | None = None) -> None:
        """Note it as done; an archive is taken and dropped."""
        self.check()
        if self._note(chore.key).exists():
            return
        if archive is not None:
            async for _ in archive:
                pass
        made = b""
        match chore.order:
            case Pack():
                made = _empty_archive()
            case Render(template):
                made = template.encode()
        self._note(chore.key).with_suffix(".made").write_bytes(made)
        self._keep(chore.key, Command(script="", started_at=time.time()))

    async def made(self, key: str) -> AsyncIterator[bytes]:
        """An archive without files, or a key's template as it is."""
        self.check()
        yield self._note(key).with_suffix(".made").read_bytes()

    async def follow(self, key: str) -> AsyncIterator[Progress]:
        """What follows from the note."""
        told = None
        while True:
            command, now = self._command(key), time.time()
            found = state(command, now)
            progress = _progress(command, found)
            if progress != told:
                yield progress
            if progress.ended:
                return
            told = progress
            await self._driver.change(_LOOK if found.next_at is None else max(found.next_at - now, 0.001))

    async def read(self, key: str, offset: int, limit: int) -> bytes:
        """What it would have put out by now."""
        command = self._command(key)
        kept = _kept(command, found := state(command, time.time()))
        return found.read(offset, max(0, min(limit, kept - offset)))

    async def stop(self, key: str, grace: float) -> None:
        """Note that it has been stopped, once."""
        command = self._command(key)
        if command.stopped_at is None and self._state(key).ended_at is None:
            self._keep(key, replace(command, stopped_at=time.time(), grace=grace))
            self._driver.tell()

    async def close(self) -> None:
        """Be gone."""
        await self._driver.remove(self.id)

    def check(self) -> None:
        """Raise `PodLost` when it is gone."""
        if not self._directory.exists():
            raise PodLost(f"there is no pod {self.id}")

    def _state(self, key: str) -> State:
        return state(self._command(key), time.time())

    def _note(self, key: str) -> Path:
        return self._directory / f"{key}.json"

    def _command(self, key: str) -> Command:
        try:
            return _decode(self._note(key).read_bytes())
        except FileNotFoundError as error:
            raise PodLost(f"pod {self.id} knows no command {key}") from error

    def _keep(self, key: str, command: Command, *, begins: bool = False) -> None:
        """Write a note whole; marks are made before it, so that none is missing."""
        if begins:
            for mark in command.marks():
                with Path(mark).open("a") as file:
                    file.write(f"{self.id} {key} {command.started_at:.6f}\n")
        beside = self._note(key).with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(command))
        beside.replace(self._note(key))


def _kept(command: Command, found: State) -> int:
    return found.size if command.most is None else min(found.size, command.most)


def _progress(command: Command, found: State) -> Progress:
    return Progress(
        size=_kept(command, found),
        left_out=found.size - _kept(command, found),
        ended=found.ended_at is not None,
        exit_code=found.exit_code,
        started_at=command.started_at,
        ended_at=found.ended_at,
    )


def _empty_archive() -> bytes:
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w").close()
    return archive.getvalue()
