"""SQLite's readers: a few threads, started when they are needed, each with a read-only connection."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

from tidemill.kit.db import failures
from tidemill.kit.db.order import Order
from tidemill.kit.db.sqlite_connection import SqliteConnection, SqliteSnapshot

ReadOrder = Order[Any]

_THREADS = 3


class Readers:
    """Runs read orders, each on a snapshot of its own. Used from the event loop."""

    def __init__(self, connect: Callable[[], SqliteConnection], name: str) -> None:
        self._connect = connect
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[ReadOrder | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = 0

    def submit(self, order: ReadOrder) -> None:
        """Queue *order*; another thread is started when all are taken."""
        self._open += 1
        self._queue.put(order)
        if self._open > len(self._threads) < _THREADS:
            thread = threading.Thread(target=self._work, name=f"{self._name}-reader", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Finish what is queued and end the threads; blocks until they have."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        connection: SqliteConnection | None = None
        while (order := self._queue.get()) is not None:
            try:
                if connection is None:
                    connection = self._connect()
                self._read(connection, order)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
                order.fail(failures.from_sqlite(error, self._name))
            self._loop.call_soon_threadsafe(self._answer, order)
        if connection is not None:
            connection.close()

    def _read(self, connection: SqliteConnection, order: ReadOrder) -> None:
        if order.is_overdue:
            raise failures.overdue(self._name)
        connection.deadline = order.deadline
        connection.say("BEGIN")
        try:
            order.run(SqliteSnapshot(connection))
        finally:
            connection.rollback()

    def _answer(self, order: ReadOrder) -> None:
        self._open -= 1
        order.answer()
