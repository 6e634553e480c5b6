"""What a store works with: a snapshot to read, a transaction to write, and nothing else to wait for."""

import types
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import CursorResult, Executable, Row, Table

from tidemill.kit.db.upserting import upsert

T = TypeVar("T")

Dialect = Literal["sqlite", "postgresql"]

#: A row as SQLAlchemy gives it: a tuple whose fields are also attributes.
AnyRow = Row[Any]

#: What the parameters of a statement are to be.
Values = Mapping[str, Any]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the event feed. *sequence* has no gaps and follows the order of the commits."""

    sequence: int
    kind: str
    key: str
    payload: bytes
    at: datetime


class ForeignAwait(RuntimeError):
    """A transaction function awaited something that is not its transaction: a bug in the caller."""

    def __init__(self) -> None:
        super().__init__(
            "a transaction may await only its transaction; do network calls, sleeps and other waiting"
            " before or after it"
        )


class Snapshot(ABC):
    """One consistent state of the database, read only. Valid inside the function it is given to.

    A statement that is asked often is built once, with `bindparam` for what changes, and given *values*
    each time: to build one costs four times as much as to execute it (measured: 45 and 10 us).
    """

    dialect: Dialect

    def __init__(self) -> None:
        self.is_waiting = False
        """A statement is on its way to the database."""

    async def all(self, stmt: Executable, values: Values | None = None) -> list[AnyRow]:
        """Every row of *stmt*."""
        return list((await self._execute(stmt, values)).all())

    async def one(self, stmt: Executable, values: Values | None = None) -> AnyRow | None:
        """The first row of *stmt*, None when there is none."""
        return (await self._execute(stmt, values)).first()

    async def value(self, stmt: Executable, values: Values | None = None) -> Any:
        """The first column of the first row, None when there is no row."""
        row = (await self._execute(stmt, values)).first()
        return None if row is None else row[0]

    @abstractmethod
    async def _execute(
        self, stmt: Executable, values: Values | Sequence[Values] | None = None
    ) -> CursorResult[Any]: ...


class Transaction(Snapshot):
    """Reads and writes that are committed together or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, str, bytes]] = []
        self.hooks: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    async def run(self, stmt: Executable, values: Values | Sequence[Values] | None = None) -> int:
        """Execute *stmt* and answer the number of rows it touched.

        With a sequence of values it is executed once for each, and the answer is how often.
        """
        if values is None or isinstance(values, Mapping):
            return (await self._execute(stmt, values)).rowcount
        if values:
            await self._execute(stmt, values)
        return len(values)

    async def insert_new(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row unless it collides with a unique one; True if it is new."""
        return await self.run(_insert_new(self.dialect, table), values) == 1

    def after_commit(self, fn: Callable[..., Any], *args: Any) -> None:
        """Call *fn* in the event loop once this is committed, before the caller hears of it."""
        self.hooks.append((fn, args))

    def emit(self, kind: str, key: str, payload: bytes) -> None:
        """Append to the event feed, with this transaction or not at all."""
        self.events.append((kind, key, payload))


@cache
def _insert_new(dialect: Dialect, table: Table) -> Executable:
    return upsert(dialect, table).on_conflict_do_nothing()


Write = Callable[[Transaction], Awaitable[T]]
Read = Callable[[Snapshot], Awaitable[T]]


@types.coroutine
def drive(work: Awaitable[T], snapshot: Snapshot) -> Generator[Any, Any, T]:
    """Run *work*, which may wait for *snapshot* only; anything else ends it with ForeignAwait."""
    if not isinstance(work, Coroutine):
        raise ForeignAwait
    stray: ForeignAwait | None = None
    try:
        waits_for = work.send(None)
        while True:
            if stray is None and not snapshot.is_waiting:
                # From here on it may only clean up, and wait for what that takes.
                stray = ForeignAwait()
                waits_for = work.throw(stray)
                continue
            try:
                answer = yield waits_for
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs into the coroutine
                waits_for = work.throw(error)
            else:
                waits_for = work.send(answer)
    except StopIteration as end:
        if stray is not None:
            raise stray from None
        result: T = end.value
        return result
    except RuntimeError as error:
        # A database thread has no event loop, which asyncio and anyio say in their own words.
        if "event loop" in str(error) and not isinstance(error, ForeignAwait):
            raise ForeignAwait from error
        raise
