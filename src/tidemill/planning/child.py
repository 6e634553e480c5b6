"""The planner's side of its child process: start it, ask it, learn how it died."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import anyio
import msgspec
import structlog

import tidemill
from tidemill.errors import Unavailable
from tidemill.planning.frames import HEADER, Limits, frame, length

_log = structlog.get_logger()

#: The child finds its modules where this process has them; it inherits nothing else.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:-1]; from tidemill.planning.evaluator import main; main()"
_STARTING = 30.0
_GRACE = 2.0
_LAST_WORDS = 4000


class Died(Exception):
    """The child did not live to answer; *reason* is for people."""

    def __init__(self, reason: str, *, took_too_long: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.took_too_long = took_too_long


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

    async def ask(self, question: bytes) -> bytes:
        """The answer to *question*; raises Died."""
        try:
            if not self._is_loaded:
                with anyio.fail_after(_STARTING):
                    await self._receive()
                self._is_loaded = True
            with anyio.fail_after(self._limits.seconds + _GRACE):
                return await self._exchange(question)
        except TimeoutError:
            await self.end()
            raise self._took_too_long() from None
        except (asyncio.IncompleteReadError, OSError):
            raise await self._died() from None
        except BaseException:
            self._kill()  # a question half asked would spoil the next one
            raise

    async def end(self) -> None:
        """Kill the child and wait for its end."""
        self._kill()
        with anyio.CancelScope(shield=True):
            await self._process.wait()

    async def _exchange(self, question: bytes) -> bytes:
        writer = self._process.stdin
        assert writer is not None
        writer.write(frame(question))
        await writer.drain()
        return await self._receive()

    async def _receive(self) -> bytes:
        reader = self._process.stdout
        assert reader is not None
        return await reader.readexactly(length(await reader.readexactly(HEADER)))

    def _took_too_long(self) -> Died:
        return Died(f"reading it takes longer than {self._limits.seconds:g} s", took_too_long=True)

    async def _died(self) -> Died:
        """How it died, once its pipes are closed."""
        with anyio.move_on_after(_GRACE):
            await self._process.wait()
        await self.end()
        code = self._process.returncode or 0
        if code == -signal.SIGALRM:
            return self._took_too_long()
        reader = self._process.stderr
        assert reader is not None
        words = (await reader.read())[-_LAST_WORDS:].decode("utf-8", "replace")
        _log.warning("the process that reads configurations died", exit_code=code, stderr=words)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return Died(f"the process that reads it {how} (see the log of the server)")

    def _kill(self) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
