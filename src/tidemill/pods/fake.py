"""A driver for tests that runs no process: it obeys the few words of its own language.

The lines of a command's script (without one, its argument after the first) are instructions:
`echo TEXT` (with `$NAME` from the command's environment), `print TEXT` (without a newline),
`flood BYTES`, `wait NAME` (until the test calls `release(NAME)`), `ignore-term`, `exit CODE`,
`write PATH TEXT` and `cat PATH` (in its working directory), `die` (the pod is gone). Anything else is a
command that is not found: 127. Files are real ones, in a directory that the pod takes with it; chores are
done at once, unless the gate of their kind (`pack`, `unpack`, `render`) is held.
Pods live in the driver object, so a second executor with the same driver finds them again.
"""

import asyncio
import string
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator

from tidemill.pods import Chore, Exec, PodFailed, PodLost, PodSpec, Progress
from tidemill.pods.fake_files import FakeFiles

_KILLED, _TERMINATED = 128 + 9, 128 + 15
_FLOOD_LINE = b"the quick brown fox jumps over the lazy dog 0123456789 and over again\n"


class FakeDriver:
    """Pods of words. *refusal* makes `prepare` fail; holding a point of `passing` makes it wait there."""

    def __init__(self, runtimes: tuple[str, ...] = ("host", "pod")) -> None:
        self.runtimes = runtimes
        self.sandboxed = True
        self.notice = "fake: nothing is executed"
        self.pods: dict[str, FakePod] = {}
        self.prepared: list[str] = []
        """Every pod ever prepared, in order."""
        self.executed: list[Exec] = []
        """Every command ever started, in order."""
        self.chores: list[Chore] = []
        """Every chore ever started, in order."""
        self.refusal = ""
        self.gates = _Gates()

    def hold(self, name: str) -> None:
        """Make whoever comes to the gate *name* wait; gates of the word `wait` are held from the start."""
        self.gates.held.add(name)

    def release(self, name: str) -> None:
        """Let everybody through the gate *name*, now and from now on."""
        self.gates.open(name)
        for pod in list(self.pods.values()):
            pod.go_on()

    async def reached(self, name: str) -> None:
        """Wait until somebody has come to the gate *name*."""
        await self.gates.arrival(name).wait()

    def kill(self, pod_id: str) -> None:
        """Let a pod vanish with all that runs in it."""
        self.pods[pod_id].die()

    async def passing(self, point: str) -> None:
        """Called at `prepare`, `prepared`, `start`, `started`, `close`, `closed`; waits if that is held."""
        if point in self.gates.held:
            self.gates.arrival(point).set()
            await self.gates.passage(point).wait()

    async def start(self) -> None:
        pass

    async def prepare(self, spec: PodSpec, say: Callable[[str], None]) -> "FakePod":
        say("a pod of words")
        await self.passing("prepare")
        if self.refusal:
            raise PodFailed(self.refusal)
        self.prepared.append(spec.id)
        pod = self.pods[spec.id] = FakePod(spec.id, self)
        await self.passing("prepared")
        return pod

    async def adopt(self, pod_id: str) -> "FakePod":
        if pod_id not in self.pods:
            raise PodLost(f"there is no pod {pod_id}")
        return self.pods[pod_id]

    async def leftovers(self) -> list[str]:
        return list(self.pods)

    async def remove(self, pod_id: str) -> None:
        if pod := self.pods.get(pod_id):
            await pod.close()

    async def close(self) -> None:
        pass


class FakePod:
    """A pod of words."""

    def __init__(self, id: str, driver: FakeDriver) -> None:
        self.id = id
        self._driver = driver
        self._commands: dict[str, _Command] = {}
        self._lost = False
        self.files = FakeFiles()

    async def start(self, exec: Exec) -> None:
        self._check()
        await self._driver.passing("start")
        if exec.key not in self._commands:
            self._driver.executed.append(exec)
            self._commands[exec.key] = _Command(exec, self, self._driver.gates)
            self._commands[exec.key].go_on()
        await self._driver.passing("started")

    async def do(self, chore: Chore, archive: AsyncIterator[bytes] | None = None) -> None:
        self._check()
        await self._driver.passing("start")
        if chore.key in self._commands:
            return
        if archive is not None:
            self.files.archives[chore.key] = b"".join([block async for block in archive])
            self._check()
        self._driver.chores.append(chore)
        kind = type(chore.order).__name__.lower()
        held = f"wait {kind}\n" if kind in self._driver.gates.held else ""
        words = Exec(
            key=chore.key,
            argv=(),
            script=held + "chore",
            environment=chore.environment,
            working_dir=chore.working_dir,
        )
        command = self._commands[chore.key] = _Command(words, self, self._driver.gates, chore)
        command.go_on()
        await self._driver.passing("started")

    async def made(self, key: str) -> AsyncIterator[bytes]:
        self._check()
        yield self.files.archives[key]

    async def follow(self, key: str) -> AsyncIterator[Progress]:
        command = self._command(key)
        while True:
            self._check()
            progress, changed = command.progress, command.changed
            yield progress
            if progress.ended:
                return
            await changed.wait()

    async def read(self, key: str, offset: int, limit: int) -> bytes:
        self._check()
        return bytes(self._command(key).output[offset : offset + limit])

    async def stop(self, key: str, grace: float) -> None:
        self._check()
        self._command(key).terminate(grace)

    async def close(self) -> None:
        await self._driver.passing("close")
        self.die()
        await self._driver.passing("closed")

    def die(self) -> None:
        """Be gone, with every command."""
        self._lost = True
        self.files.remove()
        self._driver.pods.pop(self.id, None)
        for command in self._commands.values():
            command.finish(_KILLED)

    def go_on(self) -> None:
        """Let commands that waited for a gate look again."""
        for command in list(self._commands.values()):
            command.go_on()

    def _check(self) -> None:
        if self._lost:
            raise PodLost(f"pod {self.id} is gone")

    def _command(self, key: str) -> "_Command":
        if key not in self._commands:
            raise PodLost(f"pod {self.id} knows no command {key}")
        return self._commands[key]


class _Command:
    """A command: a list of words, how far it is, and what it has put out."""

    def __init__(self, exec: Exec, pod: FakePod, gates: "_Gates", chore: Chore | None = None) -> None:
        self.output = bytearray()
        self.progress = Progress(size=0, started_at=time.time())
        self.changed = asyncio.Event()
        self._exec = exec
        self._chore = chore
        self._pod = pod
        self._gates = gates
        self._todo: Iterator[str] = iter((exec.script or " ".join(exec.argv[1:])).splitlines())
        self._gate = ""
        self._ignores_term = False
        self._most = sys.maxsize if exec.most is None else exec.most
        self._left_out = 0

    def go_on(self) -> None:
        """Obey words until a gate, or the end."""
        while not self.progress.ended and not self._is_waiting():
            word, _, rest = next(self._todo, "exit 0").lstrip().partition(" ")
            self._obey(word, string.Template(rest).safe_substitute(self._exec.environment))
        self._tell()

    def terminate(self, grace: float) -> None:
        """End now, or after *grace* seconds when the script ignores TERM."""
        if self._ignores_term:
            asyncio.get_running_loop().call_later(grace, self.finish, _KILLED)
        else:
            self.finish(_TERMINATED)

    def finish(self, code: int | None, error: str = "") -> None:
        """Record the end, once."""
        if not self.progress.ended:
            self._tell(ended=True, code=code, error=error)

    def _obey(self, word: str, rest: str) -> None:
        match word:
            case "echo" | "print":
                self.output += rest.encode() + (b"\n" if word == "echo" else b"")
            case "flood":
                self.output += (_FLOOD_LINE * (int(rest) // len(_FLOOD_LINE) + 1))[: int(rest)]
            case "wait":
                self._gate = rest
            case "ignore-term":
                self._ignores_term = True
            case "exit":
                self.finish(int(rest))
            case "unstartable":
                self.finish(None, rest)
            case "write" | "cat" | "chore":
                self._touch_files(word, rest)
            case "die":
                self._pod.die()
            case "":
                pass
            case _:
                self.output += f"{word}: not found\n".encode()
                self.finish(127)

    def _touch_files(self, word: str, rest: str) -> None:
        files, directory = self._pod.files, self._exec.working_dir
        if word == "write":
            files.write(directory, *rest.split(" ", 1))
        elif word == "cat":
            self.output += files.content(directory, rest)
        elif self._chore is not None:
            self.finish(files.do(self._chore, self.output))

    def _is_waiting(self) -> bool:
        if not self._gate or self._gates.is_open(self._gate):
            self._gate = ""
            return False
        self._gates.arrival(self._gate).set()
        return True

    def _tell(self, *, ended: bool = False, code: int | None = None, error: str = "") -> None:
        if self.progress.ended:
            return
        too_much = max(0, len(self.output) - self._most)
        self._left_out += too_much
        del self.output[len(self.output) - too_much :]
        self.progress = Progress(
            size=len(self.output),
            left_out=self._left_out,
            ended=ended,
            exit_code=code,
            error=error,
            started_at=self.progress.started_at,
            ended_at=time.time() if ended else None,
        )
        self.changed.set()
        self.changed = asyncio.Event()


class _Gates:
    """Named places where things wait until a test lets them go on."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self._passages: dict[str, asyncio.Event] = {}
        self._arrivals: dict[str, asyncio.Event] = {}

    def passage(self, name: str) -> asyncio.Event:
        return self._passages.setdefault(name, asyncio.Event())

    def arrival(self, name: str) -> asyncio.Event:
        return self._arrivals.setdefault(name, asyncio.Event())

    def is_open(self, name: str) -> bool:
        return self.passage(name).is_set()

    def open(self, name: str) -> None:
        self.held.discard(name)
        self.passage(name).set()
