"""The snapshot and the transaction of PostgreSQL, which wait for their connection alone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CursorResult, Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.kit.db import failures
from tidemill.kit.db.instant import to_microseconds
from tidemill.kit.db.outcome import Stamp
from tidemill.kit.db.transaction import Snapshot, Transaction, Values

#: The shared lock holds off an import, which changes the row, until this transaction has committed.
_FENCE = text("""
    SELECT CAST(pg_current_xact_id() AS text) AS number, pg_postmaster_start_time() AS life
    FROM tidemill_identity WHERE epoch = :epoch FOR SHARE
""")

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
    RETURNING CAST(pg_current_xact_id() AS text) AS number, pg_postmaster_start_time() AS life
""")

#: A statement can have some 32,000 parameters.
_LONGEST_ROUNDED = 1024


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
            return await self._connection.execute(stmt, _of_few_lengths(values))
        finally:
            self.is_waiting = False


class PostgresTransaction(PostgresSnapshot, Transaction):
    """Reads and writes in a read-committed transaction."""

    async def seal(self, epoch: str, name: str) -> Stamp:
        """The last statement: refuse another epoch, and number what was emitted; how to find it again."""
        if not self.events:
            sealed = (await self._connection.execute(_FENCE, {"epoch": epoch})).first()
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
            sealed = (await self._connection.execute(_NUMBER, values)).first()
        if sealed is None:
            raise failures.replaced(name)
        return Stamp(number=sealed.number, life=sealed.life)


def _of_few_lengths(values: Values | Sequence[Values] | None) -> Values | Sequence[Values] | None:
    """The same with lists, which an `IN` is given, as long as the next power of two: the last one repeated.

    A statement is another one for each length of its lists, and each connection prepares each statement
    that it has not met, which costs more than to execute it.
    """
    if not isinstance(values, Mapping) or not any(_is_list(value) for value in values.values()):
        return values
    return {name: _rounded(value) if _is_list(value) else value for name, value in values.items()}


def _is_list(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)


def _rounded(items: Collection[Any]) -> list[Any]:
    found = list(items)
    if not found or len(found) > _LONGEST_ROUNDED:
        return found
    return found + found[-1:] * ((1 << (len(found) - 1).bit_length()) - len(found))
