"""From a repository's files to plans: the first configuration found, evaluated in a warm child process."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import anyio

from tidemill.core.context import Context
from tidemill.core.refs import Ref, RefType
from tidemill.errors import TooLarge, Unavailable
from tidemill.planning.child import Child, Died
from tidemill.planning.frames import Limits, Question
from tidemill.planning.planned import CANDIDATES, Planned, Problem
from tidemill.planning.source import Source
from tidemill.planning.supply import Supply

#: Seconds that a configuration waits for the warm child before it gets one of its own, and how many may.
_WAIT = 1.0
_MOST_OTHERS = 2


class Planner:
    """Evaluates configurations in a child that is kept warm and replaced when it dies, one at a time.

    One that is slow does not hold up the others: they get a child of their own then.
    """

    def __init__(self, limits: Limits | None = None, tell: Callable[[Died], None] | None = None) -> None:
        """*tell* hears of every child that died, for a log."""
        self._limits = limits or Limits()
        self._tell = tell
        self._turn = anyio.Lock()
        self._child: Child | None = None
        self._others = anyio.Semaphore(_MOST_OTHERS)
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the child, and have it plan something small while nobody waits; raises Unavailable."""
        async with self._turn:
            await self._living()
        self._warming = asyncio.create_task(self._warm())

    async def _warm(self) -> None:
        with suppress(Unavailable):  # whoever asks for a plan is told
            await self.plan(_Small(), _SOME)

    async def close(self) -> None:
        """End the child; a later plan would start another."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        async with self._turn:
            if self._child is not None:
                await self._child.end()

    async def plan(
        self, source: Source, context: Context, *, strict: bool = False, file: str | None = None
    ) -> Planned:
        """The plans that *file* defines, or else the first of the candidates; or what is wrong with it.

        Raises Unavailable when no child can be started, and whatever keeps *source* from answering.
        """
        candidates = CANDIDATES if file is None else (file,)
        try:
            found = await Supply(source, self._limits).first(candidates)
        except TooLarge as error:
            return _refused(error.details or candidates[0], error.message)
        if found is None:
            return Planned()
        path, raw = found
        try:
            return await self._ask(Question(file=path, raw=raw, context=context, strict=strict), source)
        except Died as died:
            return _refused(path, f"the configuration cannot be read: {died.reason}")

    async def _ask(self, question: Question, source: Source) -> Planned:
        is_my_turn = False
        with anyio.move_on_after(_WAIT):
            await self._turn.acquire()
            is_my_turn = True
        if is_my_turn:
            try:
                return await self._ask_warm(question, source)
            finally:
                self._turn.release()
        async with self._others:
            child = await Child.start(self._limits)
            try:
                return await self._ask_once(child, question, source)
            finally:
                await child.end()

    async def _ask_warm(self, question: Question, source: Source) -> Planned:
        """Ask once, and again when the child died of something else: it may have been killed by chance."""
        try:
            return await self._ask_once(await self._living(), question, source)
        except Died as died:
            if died.is_deserved:
                raise
        return await self._ask_once(await self._living(), question, source)

    async def _ask_once(self, child: Child, question: Question, source: Source) -> Planned:
        try:
            return await child.ask(question, Supply(source, self._limits))
        except Died as died:
            if self._tell is not None:
                self._tell(died)
            raise

    async def _living(self) -> Child:
        if self._child is None or not self._child.is_alive:
            self._child = await Child.start(self._limits)
        return self._child


_SOME = Context(
    ref=Ref(type=RefType.BRANCH, name="main", full="refs/heads/main"),
    commit_sha="0" * 40,
)


class _Small:
    """A commit with a small configuration."""

    _raw = b"runs: [{name: r, tasks: [{name: t, runtime: {type: host}, steps: [clone: , run: 'true']}]}]\n"

    async def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self._raw for path in paths if path.endswith(".yml")}

    async def changed(self) -> tuple[str, ...] | None:
        return None


def _refused(file: str, message: str) -> Planned:
    return Planned(file=file, problems=(Problem(path=file, message=message),))
