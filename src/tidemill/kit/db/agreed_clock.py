"""One time for all who share a database: the server's, whatever their machines say."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from tidemill.kit.db.database import Database
from tidemill.kit.db.transaction import Snapshot

_NOW = sa.text("SELECT clock_timestamp()")
#: Questions of which the fastest answered one counts: what it took is the most that it can be wrong by.
_QUESTIONS = 3
#: Seconds since some moment, counted also while the machine sleeps; nobody can set them.
_TICKING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def ticking() -> float:
    """Seconds of this machine that only ever go on."""
    return time.clock_gettime(_TICKING)


class AgreedClock:
    """The time of a PostgreSQL, counted on by *seconds* of this machine, whose own time may be set anew."""

    def __init__(self, database: Database, seconds: Callable[[], float] = ticking) -> None:
        self._database = database
        self._seconds = seconds
        self._zero = datetime.now(UTC) - timedelta(seconds=seconds())
        """When it was that these seconds were 0."""

    def __call__(self) -> datetime:
        """Now."""
        return self._zero + timedelta(seconds=self._seconds())

    async def put_right(self) -> None:
        """See what time it is there; the work of a supervised loop."""
        _, self._zero = min([await self._compared() for _ in range(_QUESTIONS)])

    async def _compared(self) -> tuple[float, datetime]:
        """How many seconds it took to learn the database's time, and when ours were 0 by that."""

        async def look(tx: Snapshot) -> tuple[float, datetime]:
            asked = self._seconds()
            there: datetime = await tx.value(_NOW)
            took = self._seconds() - asked
            return took, there - timedelta(seconds=asked + took / 2)

        return await self._database.read(look)
