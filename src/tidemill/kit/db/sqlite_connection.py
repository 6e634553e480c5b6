"""One connection to SQLite, and the snapshot and transaction that work on it without ever waiting."""

import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Executable, create_engine
from sqlalchemy.pool import StaticPool

from tidemill.kit.db import failures
from tidemill.kit.db.instant import to_microseconds
from tidemill.kit.db.transaction import Snapshot, Transaction, Values

#: Milliseconds that SQLite waits for another process's lock, before we look at our deadline again; and
#: while the file is opened, when the other process may be creating or upgrading it.
_BUSY_TIMEOUT, _BUSY_TIMEOUT_OPENING = 200, 60_000
#: Virtual machine steps between two looks at the deadline: some tenths of a millisecond.
_STEPS = 20_000
#: Bytes of write-ahead log that are kept for reuse after a checkpoint.
_LOG_KEPT = 64 * 1024 * 1024


class SqliteConnection:
    """A connection of one thread, which says BEGIN and COMMIT itself and knows its user's deadline."""

    def __init__(self, path: Path, name: str, *, read_only: bool) -> None:
        self.name = name
        self.deadline = float("inf")
        self.driver = sqlite3.connect(
            f"file:{quote(str(path))}?mode={'ro' if read_only else 'rw'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_TIMEOUT_OPENING / 1000,
        )
        try:
            self.core = self._prepare(read_only=read_only)
        except BaseException:
            self.driver.close()
            raise

    def _prepare(self, *, read_only: bool) -> Connection:
        if read_only:
            self.end_opening()
        else:
            self.driver.execute("PRAGMA journal_mode=WAL")
            self.driver.execute(f"PRAGMA journal_size_limit={_LOG_KEPT}")
        self.driver.execute("PRAGMA synchronous=FULL")
        self.driver.execute("PRAGMA foreign_keys=ON")
        self.driver.set_progress_handler(lambda: self.is_overdue, _STEPS)
        engine = create_engine("sqlite://", creator=lambda: self.driver, poolclass=StaticPool)
        connection = engine.connect()
        # For SQLAlchemy all is one long transaction: it must neither begin nor roll back on its own.
        connection.begin()
        return connection

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() >= self.deadline

    @property
    def in_transaction(self) -> bool:
        """Whether BEGIN still holds: SQLite itself ends what cannot go on (disk full, interrupted)."""
        return self.driver.in_transaction

    def say(self, command: str) -> None:
        """A command of transaction control."""
        self.driver.execute(command)

    def rollback(self) -> None:
        """End the transaction, if there still is one, without its changes."""
        if self.driver.in_transaction:
            self.driver.execute("ROLLBACK")

    def execute(self, stmt: Executable, values: Values | Sequence[Values] | None) -> CursorResult[Any]:
        """One statement, if there is time for it."""
        if self.is_overdue:
            raise failures.overdue(self.name)
        if not self.driver.in_transaction:
            # Whoever ignored the error that ended it must not go on outside of any transaction.
            raise failures.away(self.name, "the transaction was given up after an error")
        return self.core.execute(stmt, values)

    def end_opening(self) -> None:
        """From now on others' locks are waited for as long as a deadline says."""
        self.driver.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT}")

    def close(self) -> None:
        """Close the file; the last connection to it also empties the write-ahead log."""
        self.driver.close()


class SqliteSnapshot(Snapshot):
    """Reads of a reader thread."""

    dialect = "sqlite"

    def __init__(self, connection: SqliteConnection) -> None:
        super().__init__()
        self._connection = connection

    async def _execute(
        self, stmt: Executable, values: Values | Sequence[Values] | None = None
    ) -> CursorResult[Any]:
        return self._connection.execute(stmt, values)


class SqliteTransaction(Transaction):
    """Reads and writes of the writer thread, inside a savepoint of their own."""

    dialect = "sqlite"

    def __init__(self, connection: SqliteConnection) -> None:
        super().__init__()
        self._connection = connection

    async def _execute(
        self, stmt: Executable, values: Values | Sequence[Values] | None = None
    ) -> CursorResult[Any]:
        return self._connection.execute(stmt, values)

    def number_events(self) -> None:
        """Append what was emitted to the feed, as the transaction's last statement."""
        if not self.events:
            return
        driver = self._connection.driver
        driver.execute("UPDATE tidemill_feed SET last = last + ?", (len(self.events),))
        (last,) = driver.execute("SELECT last FROM tidemill_feed").fetchone()
        now = to_microseconds(datetime.now(UTC))
        first = last - len(self.events) + 1
        driver.executemany(
            "INSERT INTO tidemill_events (sequence, kind, key, payload, at) VALUES (?, ?, ?, ?, ?)",
            [(number, *event, now) for number, event in enumerate(self.events, first)],
        )
