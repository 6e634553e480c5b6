"""What a store works with: a snapshot to read, a transaction to write, and nothing else to wait for."""

import types
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import CursorResult, Executable, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

Dialect = Literal["sqlite", "postgresql"]

#: A row as SQLAlchemy gives it: a tuple whose fields are also attributes.
AnyRow = Row[Any]


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
    """One consistent state of the database, read only. Valid inside the function it is given to."""

    dialect: Dialect

    def __init__(self) -> None:
        self.is_waiting = False
        """A statement is on its way to the database."""

    async def all(self, stmt: Executable) -> list[AnyRow]:
        """Every row of *stmt*."""
        return list((await self._execute(stmt)).all())

    async def one(self, stmt: Executable) -> AnyRow | None:
        """The first row of *stmt*, None when there is none."""
        return (await self._execute(stmt)).first()

    async def value(self, stmt: Executable) -> Any:
        """The first column of the first row, None when there is no row."""
        row = (await self._execute(stmt)).first()
        return None if row is None else row[0]

    @abstractmethod
    async def _execute(
        self, stmt: Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]: ...


class Transaction(Snapshot):
    """Reads and writes that are committed together or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, str, bytes]] = []
        self.hooks: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    async def run(self, stmt: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Execute *stmt* and answer the number of rows it touched.

        With *rows* it is executed once per mapping, and the answer is how often.
        """
        if rows is None:
            return (await self._execute(stmt)).rowcount
        if rows:
            await self._execute(stmt, rows)
        return len(rows)

    async def insert_new(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row unless it collides with a unique one; True if it is new."""
        insert = postgresql.insert if self.dialect == "postgresql" else sqlite.insert
        return await self.run(insert(table).values(values).on_conflict_do_nothing()) == 1

    def after_commit(self, fn: Callable[..., Any], *args: Any) -> None:
        """Call *fn* in the event loop once this is committed, before the caller hears of it."""
        self.hooks.append((fn, args))

    def emit(self, kind: str, key: str, payload: bytes) -> None:
        """Append to the event feed, with this transaction or not at all."""
        self.events.append((kind, key, payload))


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
