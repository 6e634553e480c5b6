"""The database of the simulated world: one SQLite file, worked on in place of a thread by whoever's turn it is."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.simulation.history import History
from tests.simulation.network import Network
from tests.simulation.process import Process
from tidemill.kit.db import Database, Snapshot, Transaction, failures
from tidemill.kit.db.committing import Committing
from tidemill.kit.db.order import Order
from tidemill.kit.db.sqlite_connection import SqliteConnection, SqliteSnapshot

T = TypeVar("T")

NAME = "runservice"


class Store:
    """The file, which outlives every process; *look* is called after each commit."""

    def __init__(self, path: Path, history: History, look: Callable[[], None]) -> None:
        self.connection = SqliteConnection(path, NAME, read_only=False)
        self.connection.end_opening()
        self.history = history
        self.is_away = 0
        (self.epoch,) = self.connection.driver.execute("SELECT epoch FROM tidemill_identity").fetchone()
        self._committing = Committing(self.connection, NAME, self.epoch)
        self._look = look
        self._changes = 0

    @property
    def commits(self) -> int:
        return self._committing.commits

    def attempt(self, orders: list[Order[Any]]) -> list[Order[Any]]:
        """One transaction over *orders*, looked at by the world when it has changed anything."""
        again = self._committing.attempt(orders)
        changes = self.connection.driver.total_changes
        if changes != self._changes:
            self._changes = changes
            self._look()
        return again


class SimulatedEngine:
    """One process's way to the file: orders wait, are committed together, are answered; it may die between."""

    def __init__(self, store: Store, network: Network, process: Process) -> None:
        self.epoch = store.epoch
        self._store = store
        self._network = network
        self._process = process
        self._waiting: list[Order[Any]] = []
        self._is_closed = False

    async def write(self, fn: Callable[[Transaction], Awaitable[T]], seconds: float) -> T:
        """See `kit/db/database`."""
        if self._is_closed:
            raise failures.closed(NAME)
        order = Order(fn, seconds, NAME)
        dice = self._network.dice(f"{self._process.name} writes")
        if self._store.is_away:
            await asyncio.sleep(dice.uniform(0.001, 0.1))
            raise failures.away(NAME, "the world has taken it away")
        self._waiting.append(order)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(dice.uniform(0.0001, 0.003), self._work)
        result = await order.outcome()
        if dice.random() < self._network.noise:
            raise failures.unknown_outcome(NAME)
        return result

    def _work(self) -> None:
        orders, self._waiting = self._waiting, []
        again = self._store.attempt(orders)
        assert not again, "nobody else holds the file"
        asyncio.get_running_loop().call_later(0.0002, _answer, orders)

    async def read(self, fn: Callable[[Snapshot], Awaitable[T]], seconds: float) -> T:
        """See `kit/db/database`."""
        if self._is_closed:
            raise failures.closed(NAME)
        dice = self._network.dice(f"{self._process.name} reads")
        await asyncio.sleep(dice.uniform(0.0001, 0.002))
        if self._store.is_away:
            raise failures.away(NAME, "the world has taken it away")
        order = Order(fn, seconds, NAME)
        connection = self._store.connection
        connection.deadline = order.deadline
        connection.say("BEGIN")
        try:
            order.run(SqliteSnapshot(connection))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            order.fail(failures.from_sqlite(error, NAME))
        finally:
            connection.rollback()
        asyncio.get_running_loop().call_later(dice.uniform(0.0001, 0.002), order.answer)
        return await order.outcome()

    async def close(self) -> None:
        """See `kit/db/database`; the file stays open for the others."""
        self._is_closed = True


def database(store: Store, network: Network, process: Process) -> Database:
    """The database as a process of this world has it."""
    return Database(SimulatedEngine(store, network, process))


def _answer(orders: list[Order[Any]]) -> None:
    for order in orders:
        order.answer()
