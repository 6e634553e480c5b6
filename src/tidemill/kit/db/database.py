"""The data manager: transactions that are retried, committed together, and followed by what must follow."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, Self, TypeVar

from tidemill.errors import BadRequest
from tidemill.kit.db import ledger, sqlite
from tidemill.kit.db.transaction import Event, Snapshot, Transaction

T = TypeVar("T")

_POSTGRESQL = ("postgresql://", "postgres://")


class Engine(Protocol):
    """What a kind of database has to offer."""

    epoch: str

    async def write(self, fn: Callable[[Transaction], Awaitable[T]], seconds: float) -> T:
        """Run *fn*, commit, run its hooks; again where that helps, until *seconds* have passed."""
        ...

    async def read(self, fn: Callable[[Snapshot], Awaitable[T]], seconds: float) -> T:
        """Run *fn* on one consistent state."""
        ...

    async def close(self) -> None:
        """Finish what was submitted and let go of the database."""
        ...


class Database:
    """The database of one service. Belongs to the event loop it was opened in."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    async def open(cls, url: str, *, name: str, migrations: str, timeout: float = 15.0) -> Self:  # noqa: ASYNC109 - how long a server may be away
        """Open the database of the service *name*, created or upgraded where that is needed.

        *url* is `sqlite:///path` or `postgresql://…`; *migrations* is the dotted name of a package of
        Alembic version files. On PostgreSQL the service lives in the schema *name*, and a
        server that is away is waited for until *timeout* seconds have passed.
        """
        if url.startswith(sqlite.SCHEME):
            return cls(await sqlite.SqliteEngine.open(url, name, migrations))
        if url.startswith(_POSTGRESQL):
            # With it comes SQLAlchemy's part for asyncio, and with that its ORM: 8 MB.
            from tidemill.kit.db import postgresql  # noqa: PLC0415 - only where it is used

            return cls(await postgresql.PostgresEngine.open(url, name, migrations, timeout))
        raise BadRequest(
            f"the database of {name}: write sqlite:///path/to/file or postgresql://user@host/name"
        )

    @property
    def epoch(self) -> str:
        """Random, replaced by an import; cursors and event ids carry it."""
        return self.engine.epoch

    async def do(self, fn: Callable[[Transaction], Awaitable[T]], *, timeout: float = 10.0) -> T:  # noqa: ASYNC109 - it bounds the retries and the statements
        """Run *fn* in a transaction and commit it; the answer is what *fn* answers.

        *fn* may run several times, so it does nothing but read and write its transaction. Once asked
        for, the work is done even if the caller is cancelled. After *timeout* seconds it fails with
        Unavailable, and nothing was changed (unless the code is `outcomeUnknown`).
        """
        return await self.engine.write(fn, timeout)

    async def read(self, fn: Callable[[Snapshot], Awaitable[T]], *, timeout: float = 10.0) -> T:  # noqa: ASYNC109 - as above
        """Run *fn* on one consistent state of the database; it sees every commit answered before."""
        return await self.engine.read(fn, timeout)

    async def events(self, after: int, limit: int = 100) -> list[Event]:
        """The event feed behind the sequence *after*, in order and without gaps."""
        return await self.read(lambda snapshot: ledger.events_behind(snapshot, after, limit))

    async def last_event(self) -> int:
        """The sequence of the newest event, 0 when there is none."""
        return await self.read(ledger.last_event)

    async def purge_events(self, before: datetime, limit: int = 500) -> int:
        """Remove up to *limit* of the oldest events that are from *before*; answers how many there were."""
        return await self.do(lambda tx: ledger.purge(tx, before, limit))

    async def close(self) -> None:
        """Finish what was submitted and let go of the database."""
        await self.engine.close()
