"""Clearing away what removals have left: first the rows of doomed tasks, then the objects that nobody needs.

Both are written down in the transaction of the removal, so that a crash at any moment leaves work to be
done and no rubbish. An object is looked up once more before it goes: one that a row needs always stays.
"""

from collections.abc import Callable
from datetime import datetime

import anyio
import structlog

from tidemill.errors import Failure
from tidemill.kit.coord import Bell, Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice.retention.pacing import Pace, Tally
from tidemill.services.runservice.store import removal

BELL = "doomed"
_AT_ONCE = 100
_SIDE_BY_SIDE = 8
#: Objects that would not go, after which the store is left alone until the next look.
_MOST_STUCK = 1000

log = structlog.get_logger("retention")


class Clearing:
    """The loop over what is doomed."""

    def __init__(
        self, db: Database, objects: Objects, bells: Bells, *, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._objects = objects
        self._clock = clock
        self._pace = Pace(db)
        self._bells = bells
        self.bell: Bell = bells.listen(BELL)

    def ring(self) -> None:
        """Something was doomed."""
        self._bells.ring(BELL)

    async def work(self) -> None:
        """Clear everything away that is to go by now."""
        tally = Tally()
        await self._pace.until_done(self._clear_tasks)
        await self._clear_objects(tally)
        tally.tell()

    async def _clear_tasks(self, tx: Transaction) -> bool:
        return await removal.clear_tasks(tx, self._clock())

    async def _clear_objects(self, tally: Tally) -> None:
        stuck: set[str] = set()
        while len(stuck) < _MOST_STUCK and (due := await self._due(stuck)):
            needed = await self._needed(due)
            stuck |= await self._delete([name for name in due if name not in needed])
            gone = [name for name in due if name not in stuck]
            await self._forget(gone)
            tally.add("objects", len(set(gone) - needed))

    async def _due(self, stuck: set[str]) -> list[str]:
        now = self._clock()
        return await self._db.read(lambda tx: removal.due_objects(tx, now, _AT_ONCE, stuck))

    async def _needed(self, names: list[str]) -> set[str]:
        return await self._db.read(lambda tx: removal.needed(tx, names))

    async def _forget(self, names: list[str]) -> None:
        await self._db.do(lambda tx: removal.forget_objects(tx, names))

    async def _delete(self, names: list[str]) -> set[str]:
        """Delete objects; answers those that would not go."""
        failed: set[str] = set()
        limiter = anyio.CapacityLimiter(_SIDE_BY_SIDE)

        async def one(name: str) -> None:
            async with limiter:
                try:
                    await self._objects.delete(name)
                except Failure as failure:
                    log.warning("an object stays for now", object=name, reason=failure.message)
                    failed.add(name)

        async with anyio.create_task_group() as group:
            for name in names:
                group.start_soon(one, name)
        return failed
