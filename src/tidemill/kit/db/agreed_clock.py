"""One time for all who share a database: the server's, whatever their machines say."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from tidemill.kit.db.database import Database
from tidemill.kit.db.transaction import Snapshot

_NOW = sa.text("SELECT clock_timestamp()")
#: Questions of which the fastest answered one counts: what it took is the most that it can be wrong by.
_QUESTIONS = 3


class AgreedClock:
    """A machine's own clock, put right by that of its PostgreSQL."""

    def __init__(self, database: Database, own: Callable[[], datetime]) -> None:
        self._database = database
        self._own = own
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """Now."""
        return self._own() + self._ahead

    async def put_right(self) -> None:
        """See how far the database's clock is ahead of ours; the work of a supervised loop."""
        _, self._ahead = min([await self._compared() for _ in range(_QUESTIONS)])

    async def _compared(self) -> tuple[timedelta, timedelta]:
        """How long it took to learn the database's time, and how far that was ahead."""

        async def look(tx: Snapshot) -> tuple[timedelta, timedelta]:
            asked = self._own()
            there: datetime = await tx.value(_NOW)
            took = self._own() - asked
            return took, there - (asked + took / 2)

        return await self._database.read(look)
