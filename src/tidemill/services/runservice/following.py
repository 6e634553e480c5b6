"""Following one run: its whole state now and after each change, as lines, until it is final."""

from collections.abc import AsyncIterator

import msgspec

from tidemill.core.run import Run, RunId
from tidemill.errors import NotFound
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.services.runservice.store import runs
from tidemill.services.runservice.store.recent import Recent

_encode = msgspec.json.Encoder().encode


class Following:
    """Streams of runs."""

    def __init__(self, db: Database, bells: Bells, recent: Recent) -> None:
        self._db = db
        self._bells = bells
        self._recent = recent

    async def open(self, id: RunId) -> AsyncIterator[bytes]:
        """Lines of JSON, and an empty line now and then; NotFound `runDoesNotExist` before the first."""
        return self._lines(await self._run(id))

    async def _lines(self, run: Run) -> AsyncIterator[bytes]:
        with self._bells.listen(f"run/{run.id}") as bell:
            told = 0
            while True:
                if run.revision > told:
                    yield _encode(run) + b"\n"
                    told = run.revision
                    if run.phase.is_final:
                        return
                elif not await bell.wait():
                    yield b"\n"
                run = await self._run(run.id)

    async def _run(self, id: RunId) -> Run:
        stored = await self._db.read(lambda tx: runs.by_id(tx, id, self._recent))
        if stored is None:
            raise NotFound(f"there is no run {id!r}", code="runDoesNotExist")
        return stored.run
