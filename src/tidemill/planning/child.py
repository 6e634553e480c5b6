"""The planner's side of its child process: start it, ask it, learn how it died."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import anyio
import msgspec

import tidemill
from tidemill.errors import Unavailable
from tidemill.planning.frames import (
    HEADER,
    Answered,
    ChangesGiven,
    ChangesWanted,
    FilesGiven,
    FilesWanted,
    Limits,
    Question,
    Said,
    frame,
    length,
)
from tidemill.planning.planned import Planned
from tidemill.planning.supply import Supply

#: The child finds its modules where this process has them; it inherits nothing else.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:-1]; from tidemill.planning.evaluator import main; main()"
_STARTING = 30.0
_GRACE = 2.0
_LAST_WORDS = 4000


class Died(Exception):
    """The child did not live to answer; *reason* is for people."""

    def __init__(self, reason: str, *, is_deserved: bool = False, last_words: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_deserved = is_deserved
        """What it was asked killed it, so that asking again would kill another one."""
        self.last_words = last_words
        """What it printed at its end, for the log of a server."""


class Child:
    """A running child. After any failure it is killed and must be replaced."""

    def __init__(self, process: asyncio.subprocess.Process, limits: Limits) -> None:
        self._process = process
        self._limits = limits
        self._is_loaded = False

    @classmethod
    async def start(cls, limits: Limits) -> "Child":
        """Start the program without waiting until it is loaded; raises Unavailable."""
        modules = [str(Path(tidemill.__file__).parents[1]), *(path for path in sys.path if path)]
        flags = ("-I", "-S", "-X", "utf8")
        last = msgspec.json.encode(limits).decode()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *flags,
                "-c",
                _PROGRAM,
                *modules,
                last,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"the process that reads configurations cannot be started: {error}") from error
        return cls(process, limits)

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Of the process, for who watches it."""
        return self._process.pid

    async def ask(self, question: Question, supply: Supply) -> Planned:
        """The answer to *question*; raises Died, and what keeps *supply* from serving it."""
        try:
            if not self._is_loaded:
                await self._hear(_STARTING)
                self._is_loaded = True
            return await self._converse(question, supply)
        except BaseException:
            self._kill()  # a question half asked would spoil the next one
            raise

    async def _converse(self, question: Question, supply: Supply) -> Planned:
        """Serve its wishes until it answers; its time stands still while it waits for us."""
        left = self._limits.seconds + _GRACE
        reply: Question | FilesGiven | ChangesGiven = question
        while True:
            began = anyio.current_time()
            said = msgspec.msgpack.decode(await self._hear(left, msgspec.msgpack.encode(reply)), type=Said)
            left = max(left - (anyio.current_time() - began), 0)
            match said:
                case FilesWanted():
                    reply = await supply.files(said.paths)
                case ChangesWanted():
                    reply = await supply.changes()
                case Answered():
                    return said.planned

    async def _hear(self, seconds: float, body: bytes | None = None) -> bytes:
        """What it says within *seconds*, to *body* if there is one; raises Died."""
        try:
            with anyio.fail_after(seconds):
                if body is not None:
                    await self._tell(body)
                return await self._receive()
        except TimeoutError:
            await self.end()
            raise self._took_too_long() from None
        except (asyncio.IncompleteReadError, OSError):
            raise await self._died() from None

    async def end(self) -> None:
        """Kill the child and wait for its end."""
        self._kill()
        with anyio.CancelScope(shield=True):
            await self._process.wait()

    async def _tell(self, body: bytes) -> None:
        writer = self._process.stdin
        assert writer is not None
        writer.write(frame(body))
        await writer.drain()

    async def _receive(self) -> bytes:
        reader = self._process.stdout
        assert reader is not None
        return await reader.readexactly(length(await reader.readexactly(HEADER)))

    def _took_too_long(self) -> Died:
        return Died(f"reading it takes longer than {self._limits.seconds:g} s", is_deserved=True)

    async def _died(self) -> Died:
        """How it died, once its pipes are closed."""
        with anyio.move_on_after(_GRACE):
            await self._process.wait()
        await self.end()
        code = self._process.returncode or 0
        reader = self._process.stderr
        assert reader is not None
        words = (await reader.read())[-_LAST_WORDS:].decode("utf-8", "replace")
        match -code:
            case signal.SIGALRM:
                return self._took_too_long()
            case signal.SIGABRT:  # how evaluators end that cannot have more memory
                reason = f"evaluating it needs more than {self._limits.memory} bytes of memory"
                return Died(reason, is_deserved=True, last_words=words)
            case signal.SIGSEGV:  # their stack has an end too, and not all of them look for it
                reason = "it is nested too deeply for its evaluator: make it flatter"
                return Died(reason, is_deserved=True, last_words=words)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return Died(f"the process that reads it {how}", last_words=words)

    def _kill(self) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
