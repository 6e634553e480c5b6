"""From a repository's files to plans: the first configuration found, evaluated in a warm child process."""

from collections.abc import Mapping

import anyio
import msgspec

from tidemill.core.context import Context
from tidemill.planning.child import Child, Died
from tidemill.planning.frames import Limits, Question
from tidemill.planning.planned import CANDIDATES, Planned, Problem


class Planner:
    """Evaluates one configuration at a time in a child that is kept warm and replaced when it dies."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._turn = anyio.Lock()
        self._child: Child | None = None

    async def start(self) -> None:
        """Start the child, so that the first plan need not wait for it; raises Unavailable."""
        async with self._turn:
            await self._living()

    async def close(self) -> None:
        """End the child; a later plan would start another."""
        async with self._turn:
            if self._child is not None:
                await self._child.end()

    async def plan(self, files: Mapping[str, bytes], context: Context) -> Planned:
        """The plans that the first of the candidates among *files* defines, or what is wrong with it.

        Raises Unavailable when no child can be started.
        """
        file = next((path for path in CANDIDATES if path in files), None)
        if file is None:
            return Planned()
        question = msgspec.msgpack.encode(Question(file=file, raw=files[file], context=context))
        async with self._turn:
            try:
                answer = await self._ask(question)
            except Died as died:
                message = f"the configuration cannot be read: {died.reason}"
                return Planned(file=file, problems=(Problem(path=file, message=message),))
        return msgspec.msgpack.decode(answer, type=Planned)

    async def _ask(self, question: bytes) -> bytes:
        """Ask once, and again when the child died: it may have been killed by chance."""
        try:
            return await (await self._living()).ask(question)
        except Died as died:
            if died.took_too_long:
                raise
        return await (await self._living()).ask(question)

    async def _living(self) -> Child:
        if self._child is None or not self._child.is_alive:
            self._child = await Child.start(self._limits)
        return self._child
