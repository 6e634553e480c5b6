"""The executors as people see them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tidemill.contracts.fleet import Executors, Fleet
from tidemill.kit.db import Database
from tidemill.services.runservice.store import executors


class ExecutorFleet(Fleet):
    """All executors that were ever heard."""

    def __init__(self, db: Database, *, lease: timedelta, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._lease = lease
        self._clock = clock

    async def executors(self) -> Executors:
        now = self._clock()
        return Executors(await self._db.read(lambda tx: executors.listed(tx, now=now, lease=self._lease)))
