"""The data manager on PostgreSQL: a pool, a schema per service, and retries of what lost a race."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateSchema

from tidemill.errors import BadRequest
from tidemill.kit.db import failures, migrating
from tidemill.kit.db.order import GRACE, log_unheard, run_hook
from tidemill.kit.db.outcome import was_committed
from tidemill.kit.db.postgresql_transaction import PostgresSnapshot, PostgresTransaction
from tidemill.kit.db.retrying import Patience
from tidemill.kit.db.transaction import Snapshot, Transaction, drive

T = TypeVar("T")

#: Kept open once they were needed: a new one costs more than most transactions. Each service has so many.
_CONNECTIONS = 12
#: Seconds for making a connection, and for creating or upgrading a schema.
_CONNECT, _MIGRATE = 10.0, 600.0
#: A process that stands still in a transaction may not hold up everybody else for ever.
_SETTINGS = {"jit": "off", "idle_in_transaction_session_timeout": "30s"}


class PostgresEngine:
    """Runs transactions on pooled connections whose search path is the service's schema."""

    def __init__(self, pool: AsyncEngine, name: str) -> None:
        self.epoch = ""
        self._name = name
        self._is_closed = False
        self._pool = pool
        self._reading = pool.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, url: str, name: str, migrations: str, seconds: float) -> Self:
        """Connect, and bring the service's schema up to date."""
        engine = cls(_pool(url, name), name)
        try:
            engine.epoch = await engine._prepare(migrations, seconds)
        except BaseException:
            await engine.close()
            raise
        return engine

    async def write(self, fn: Callable[[Transaction], Awaitable[T]], seconds: float) -> T:
        """Run *fn* in a transaction, in a task of its own that outlives the caller's cancellation."""
        self._check_open()
        task = asyncio.create_task(self._write(fn, seconds), name=f"{self._name}-write")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(log_unheard)
            raise

    async def read(self, fn: Callable[[Snapshot], Awaitable[T]], seconds: float) -> T:
        """Run *fn* on the snapshot that its first statement takes."""
        self._check_open()

        async def attempt(patience: Patience) -> T:
            async with patience.bound(), self._reading.connect() as connection:
                snapshot = PostgresSnapshot(connection)
                return await drive(fn(snapshot), snapshot)

        return await Patience(seconds, self._name).retry(attempt)

    async def close(self) -> None:
        """Finish what was submitted and close the connections; a second time does nothing."""
        self._is_closed = True
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._pool.dispose()

    def _check_open(self) -> None:
        if self._is_closed:
            raise failures.closed(self._name)

    async def _write(self, fn: Callable[[Transaction], Awaitable[T]], seconds: float) -> T:
        async def attempt(patience: Patience) -> tuple[T, PostgresTransaction]:
            async with self._connection(patience) as connection:
                transaction = PostgresTransaction(connection)
                async with patience.bound():
                    result = await drive(fn(transaction), transaction)
                    stamp = await transaction.seal(self.epoch, self._name)
                lost = await _commit(connection)
            if lost is not None and not await was_committed(self._pool, stamp, lost, self._name):
                raise ConnectionResetError("the connection broke, and nothing was changed") from lost
            return result, transaction

        result, transaction = await Patience(seconds, self._name).retry(attempt)
        for hook, arguments in transaction.hooks:
            run_hook(hook, arguments)
        return result

    @asynccontextmanager
    async def _connection(self, patience: Patience) -> AsyncIterator[AsyncConnection]:
        async with patience.bound():
            connection = await self._pool.connect()
        try:
            yield connection
        finally:
            await connection.close()

    async def _prepare(self, migrations: str, seconds: float) -> str:
        def is_current(connection: Connection) -> bool:
            return migrating.is_current(connection, self._name, migrations)

        async def check(patience: Patience) -> bool:
            async with patience.bound(), self._pool.connect() as connection:
                return await connection.run_sync(is_current)

        if not await Patience(seconds, self._name).retry(check):
            await self._bring_up(migrations)
        async with asyncio.timeout(_CONNECT), self._pool.connect() as connection:
            return await connection.run_sync(migrating.epoch)

    async def _bring_up(self, migrations: str) -> None:
        """Create or upgrade the schema, one process after the other."""

        def bring_up(connection: Connection) -> None:
            migrating.bring_up(connection, self._name, migrations)

        lock = func.pg_advisory_xact_lock(func.hashtextextended(f"tidemill {self._name}", 0))
        async with asyncio.timeout(_MIGRATE), self._pool.begin() as connection:
            await connection.execute(select(lock))
            await connection.execute(CreateSchema(self._name, if_not_exists=True))
            await connection.run_sync(bring_up)


async def _commit(connection: AsyncConnection) -> Exception | None:
    """Commit; answers what kept the server's answer from us, after which it may have been a yes."""
    try:
        async with asyncio.timeout(GRACE):
            await connection.commit()
    except Exception as error:
        # An answer of the server's is a clear no.
        if failures.sqlstate(error) is None or failures.is_lost(error):
            return error
        raise
    return None


def _pool(url: str, name: str) -> AsyncEngine:
    if importlib.util.find_spec("asyncpg") is None:
        raise BadRequest(f"the database of {name} needs asyncpg; install tidemill[postgres]")
    import asyncpg  # noqa: PLC0415 - an extra, and slow to import where SQLite is used

    async def connect() -> Any:
        settings = {**_SETTINGS, "search_path": name, "application_name": f"tidemill-{name}"}
        try:
            return await asyncpg.connect(url, timeout=_CONNECT, server_settings=settings)
        except (ValueError, OverflowError) as error:
            raise BadRequest(f"the database of {name} has an address that cannot be used: {error}") from error

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        isolation_level="READ COMMITTED",
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_MIGRATE,
        pool_use_lifo=True,
    )
