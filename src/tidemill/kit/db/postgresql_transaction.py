"""The snapshot and the transaction of PostgreSQL, which wait for their connection alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CursorResult, Executable, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.kit.db import failures
from tidemill.kit.db.instant import to_microseconds
from tidemill.kit.db.ledger import identity
from tidemill.kit.db.transaction import Snapshot, Transaction, Values

#: The shared lock holds off an import, which changes the row, until this transaction has committed.
_FENCE = select(identity.c.one).where(identity.c.epoch == bindparam("epoch")).with_for_update(read=True)

#: Fence, take the counter, append: in one statement, because others wait for the counter from here on.
_NUMBER = text("""
    WITH fence AS (SELECT one FROM tidemill_identity WHERE epoch = :epoch FOR SHARE),
    counter AS (
        UPDATE tidemill_feed SET last = last + :count FROM fence WHERE tidemill_feed.one = fence.one
        RETURNING last
    )
    INSERT INTO tidemill_events (sequence, kind, key, payload, at)
    SELECT counter.last - :count + emitted.place, emitted.kind, emitted.key, emitted.payload, :at
    FROM counter, unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:payloads AS bytea[]))
        WITH ORDINALITY AS emitted (kind, key, payload, place)
""")


class PostgresSnapshot(Snapshot):
    """Reads in a repeatable-read, read-only transaction."""

    dialect = "postgresql"

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__()
        self._connection = connection

    async def _execute(
        self, stmt: Executable, values: Values | Sequence[Values] | None = None
    ) -> CursorResult[Any]:
        self.is_waiting = True
        try:
            return await self._connection.execute(stmt, values)
        finally:
            self.is_waiting = False


class PostgresTransaction(PostgresSnapshot, Transaction):
    """Reads and writes in a read-committed transaction."""

    async def seal(self, epoch: str, name: str) -> None:
        """The last statement: refuse another epoch, and number what was emitted."""
        if not self.events:
            sealed = (await self._connection.execute(_FENCE, {"epoch": epoch})).first() is not None
        else:
            kinds, keys, payloads = zip(*self.events, strict=True)
            values = {
                "epoch": epoch,
                "count": len(self.events),
                "kinds": list(kinds),
                "keys": list(keys),
                "payloads": list(payloads),
                "at": to_microseconds(datetime.now(UTC)),
            }
            sealed = (await self._connection.execute(_NUMBER, values)).rowcount == len(self.events)
        if not sealed:
            raise failures.replaced(name)
