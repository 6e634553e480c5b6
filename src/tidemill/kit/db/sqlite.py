"""The data manager on SQLite: a file, one writer, a few readers."""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from tidemill.errors import BadRequest
from tidemill.kit.db import failures, migrating
from tidemill.kit.db.order import Order
from tidemill.kit.db.readers import Readers
from tidemill.kit.db.sqlite_connection import SqliteConnection
from tidemill.kit.db.transaction import Snapshot, Transaction
from tidemill.kit.db.writer import Writer

T = TypeVar("T")

SCHEME = "sqlite:///"


class SqliteEngine:
    """Carries transactions to the threads that own the connections."""

    def __init__(self, path: Path, name: str, writing: SqliteConnection, epoch: str) -> None:
        self.epoch = epoch
        self._name = name
        self._is_closed = False
        self._writing = writing
        self._writer = Writer(writing, name, epoch)
        self._readers = Readers(lambda: SqliteConnection(path, name, read_only=True), name)

    @classmethod
    async def open(cls, url: str, name: str, migrations: str) -> Self:
        """Open the file, created where it is not there yet, and bring its schema up to date."""
        if len(url) == len(SCHEME):
            raise BadRequest(f"the database of {name}: {url!r} names no file; write sqlite:///path/to/file")
        path = Path(url.removeprefix(SCHEME))
        writing, epoch = await asyncio.to_thread(_prepare, path, name, migrations)
        return cls(path, name, writing, epoch)

    @property
    def commits(self) -> int:
        """Commits so far; fewer than transactions where several were committed together."""
        return self._writer.commits

    async def write(self, fn: Callable[[Transaction], Awaitable[T]], seconds: float) -> T:
        """Run *fn* in the writer's next transaction."""
        self._check_open()
        order = Order(fn, seconds, self._name)
        self._writer.submit(order)
        return await order.outcome()

    async def read(self, fn: Callable[[Snapshot], Awaitable[T]], seconds: float) -> T:
        """Run *fn* on a snapshot in a reader's thread."""
        self._check_open()
        order = Order(fn, seconds, self._name)
        self._readers.submit(order)
        return await order.outcome()

    async def close(self) -> None:
        """Finish what is queued and close the file; a second time does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.close)
        self._writing.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise failures.closed(self._name)


def _prepare(path: Path, name: str, migrations: str) -> tuple[SqliteConnection, str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = SqliteConnection(path, name, read_only=False)
    except OSError as error:
        raise failures.away(name, f"{error.strerror}: {path}") from error
    except sqlite3.Error as error:
        raise failures.from_sqlite(error, name) from None
    try:
        epoch = _brought_up(connection, name, migrations)
        connection.end_opening()
    except BaseException as error:
        connection.close()
        told = failures.from_sqlite(error, name)
        if told is error:
            raise
        raise told from error
    return connection, epoch


def _brought_up(connection: SqliteConnection, name: str, migrations: str) -> str:
    if migrating.is_current(connection.core, name, migrations):
        return migrating.epoch(connection.core)
    # A migration rebuilds tables under others' references; what they refer to is checked at the end.
    connection.say("PRAGMA foreign_keys=OFF")
    connection.say("BEGIN IMMEDIATE")
    try:
        migrating.bring_up(connection.core, name, migrations)
        broken = connection.driver.execute("PRAGMA foreign_key_check").fetchall()
        _refuse_dangling(broken, name)
        epoch = migrating.epoch(connection.core)
        connection.say("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    connection.say("PRAGMA foreign_keys=ON")
    return epoch


def _refuse_dangling(rows: list[Any], name: str) -> None:
    if rows:
        raise ValueError(f"the migrations of {name} leave rows that refer to nothing: {rows[:3]}")
