"""One transaction over many orders: each in a savepoint, committed together, told apart where one fails."""

import contextlib
import random
import sqlite3
import time
from typing import Any

from tidemill.kit.db import failures
from tidemill.kit.db.order import Order
from tidemill.kit.db.sqlite_connection import SqliteConnection, SqliteTransaction

WriteOrder = Order[Any]

#: Seconds at most between two attempts at a file that another process holds, beside SQLite's own waiting.
_PAUSE = 0.02


class Committing:
    """Runs orders here and now on one connection; it knows no thread."""

    def __init__(self, connection: SqliteConnection, name: str, epoch: str) -> None:
        self.commits = 0
        """Transactions committed so far; fewer than orders where orders come together."""
        self._connection = connection
        self._name = name
        self._epoch = epoch

    def attempt(self, orders: list[WriteOrder]) -> list[WriteOrder]:
        """Try one transaction over *orders*; answers those that have to be tried again.

        It raises nothing: a connection that cannot even roll back fails its orders, not us.
        """
        try:
            return self._attempt(orders)
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers are told
            with contextlib.suppress(Exception):
                self._connection.rollback()
            for order in orders:
                order.fail(failures.from_sqlite(error, self._name))
            return []

    def _attempt(self, orders: list[WriteOrder]) -> list[WriteOrder]:
        alive = [order for order in orders if not self._is_expired(order)]
        if not alive:
            return []
        self._connection.deadline = max(order.deadline for order in alive)
        try:
            self._connection.say("BEGIN IMMEDIATE")
            self._check_epoch()
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers are told
            self._connection.rollback()
            return self._postpone_or_fail(alive, error)
        for order in alive:
            if not self._is_expired(order):
                self._apply(order)
            if not self._connection.in_transaction:
                # SQLite gave the whole transaction up; the others did nothing wrong and run again.
                return [other for other in alive if other is not order]
        return self._commit(alive)

    def _apply(self, order: WriteOrder) -> None:
        connection = self._connection
        connection.deadline = order.deadline
        transaction = SqliteTransaction(connection)
        try:
            connection.say("SAVEPOINT one")
            order.run(transaction)
            transaction.number_events()
            connection.say("RELEASE one")
            order.hooks = transaction.hooks
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            order.fail(failures.from_sqlite(error, self._name))
            if connection.in_transaction:
                connection.say("ROLLBACK TO one")
                connection.say("RELEASE one")

    def _commit(self, orders: list[WriteOrder]) -> list[WriteOrder]:
        self._connection.deadline = float("inf")
        try:
            self._connection.say("COMMIT")
        except sqlite3.Error as error:
            self._connection.rollback()
            if len(orders) > 1 and not failures.is_busy(error):
                # What only a commit finds wrong is one order's fault: alone, each gets what it deserves.
                return [again for order in orders for again in self._attempt([order])]
            return self._postpone_or_fail(orders, error)
        self.commits += 1
        return []

    def _postpone_or_fail(self, orders: list[WriteOrder], error: Exception) -> list[WriteOrder]:
        if failures.is_busy(error):
            time.sleep(random.uniform(0, _PAUSE))  # noqa: S311 - no secret
            return orders
        for order in orders:
            order.fail(failures.from_sqlite(error, self._name))
        return []

    def _is_expired(self, order: WriteOrder) -> bool:
        if order.is_overdue:
            order.fail(failures.overdue(self._name))
        return order.is_overdue

    def _check_epoch(self) -> None:
        found = self._connection.driver.execute("SELECT epoch FROM tidemill_identity").fetchone()
        if found != (self._epoch,):
            raise failures.replaced(self._name)
