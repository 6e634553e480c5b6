"""Which time the services go by: this machine's, or that of the database that other machines use too."""

from collections.abc import Callable
from datetime import UTC, datetime

from tidemill.kit.db import Database, Snapshot
from tidemill.kit.db.agreed_clock import AgreedClock
from tidemill.kit.db.transaction import Dialect
from tidemill.kit.supervise import Loop


class Clocks:
    """The clocks of this process's services."""

    def __init__(self) -> None:
        self._agreed: list[AgreedClock] = []

    async def of(self, database: Database) -> Callable[[], datetime]:
        """The clock that all instances of a service with this *database* go by."""
        if await database.read(_dialect) == "sqlite":  # files are of one machine
            return clock
        agreed = AgreedClock(database)
        await agreed.put_right()
        self._agreed.append(agreed)
        return agreed

    def loops(self) -> list[Loop]:
        """What keeps them right."""
        return [Loop("clock", agreed.put_right, seconds=60) for agreed in self._agreed]


def clock() -> datetime:
    """Now, in UTC, as this machine has it."""
    return datetime.now(UTC)


async def _dialect(tx: Snapshot) -> Dialect:
    return tx.dialect
