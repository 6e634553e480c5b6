"""Sweeping the object store: what no row knows, such as uploads whose server died before it wrote the row.

An object may have its row a moment after it is there. So only those older than a day count, they are
looked at again an hour later, and go only if still nobody knows them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from tidemill.kit.db import Database, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice.retention.pacing import Tally
from tidemill.services.runservice.store import removal

FOLDERS = ("logs", "archives", "artifacts")
AGE = timedelta(days=1)
DELAY = timedelta(hours=1)
_AT_ONCE = 200


class Sweeping:
    """Finds objects that nobody knows."""

    def __init__(self, db: Database, objects: Objects, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._objects = objects
        self._clock = clock

    async def sweep(self, tally: Tally) -> None:
        """Look through the store, and note what is to go."""
        before = self._clock() - AGE
        await self._objects.clear_aside()
        for folder in FOLDERS:
            names: list[str] = []
            async for name in self._objects.older(folder, before):
                names.append(name)
                if len(names) == _AT_ONCE:
                    await self._note(names, tally)
                    names = []
            if names:
                await self._note(names, tally)

    async def _note(self, names: list[str], tally: Tally) -> None:
        due_at = self._clock() + DELAY
        needed = await self._db.read(lambda tx: removal.needed(tx, names))
        doomed = await self._db.read(lambda tx: removal.doomed(tx, names))
        orphans = [name for name in names if name not in needed and name not in doomed]

        async def doom(tx: Transaction) -> None:
            await removal.doom_objects(tx, orphans, due_at)
            tally.after(tx, "orphans", len(orphans))

        if orphans:
            await self._db.do(doom)
