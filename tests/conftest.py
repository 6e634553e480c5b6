"""What every test may ask for: both kinds of database, a clock that stands still, ids that can be told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from tests.postgres import Server
from tidemill.kit.db import Database

ENGINES = ["sqlite", "postgresql"]

#: Opens the database of a service, named as its schema, with its package of migrations.
OpenDatabase = Callable[[str, str], Awaitable[Database]]
#: The address of the database of a service in this test.
DatabaseUrl = Callable[[str], str]


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def new_id() -> Callable[[], str]:
    """Makes id-1, id-2 and so on."""
    numbers = count(1)
    return lambda: f"id-{next(numbers)}"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A real PostgreSQL, started when the first test asks for it."""
    with Server() as server:
        yield server


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseUrl]:
    """Databases of this test alone, once on each engine."""
    if request.param == "sqlite":
        yield lambda name: f"sqlite:///{tmp_path / name}.db"
        return
    server: Server = request.getfixturevalue("postgres_server")
    database = f"test_{uuid4().hex[:12]}"
    asyncio.run(server.create(database))
    yield lambda _: server.url(database)
    asyncio.run(server.drop(database))


@pytest.fixture
async def open_database(database_url: DatabaseUrl, anyio_backend: str) -> AsyncIterator[OpenDatabase]:
    """Opens databases, and closes them when the test is over."""
    opened: list[Database] = []

    async def open_(name: str, migrations: str) -> Database:
        database = await Database.open(database_url(name), name=name, migrations=migrations)
        opened.append(database)
        return database

    yield open_
    for database in opened:
        await database.close()
