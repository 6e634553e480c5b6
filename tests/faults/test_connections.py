"""F7: more work than connections, here and at the server: whoever waits too long is told, nobody hangs."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import anyio
import pytest
import sqlalchemy as sa

from tests.conftest import DatabaseUrl, OpenDatabase
from tests.kit import outside
from tests.kit.things import MIGRATIONS, adding, names, things
from tidemill.errors import Unavailable
from tidemill.kit.db import Database, Transaction

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]

#: More transactions than the pool has connections.
MANY = 60
ROLE = "limited"


async def touch(tx: Transaction) -> None:
    await tx.run(sa.update(things).where(things.c.name == "oar").values(size=things.c.size + 1))


async def test_a_pool_that_is_used_up(open_database: OpenDatabase, database_url: DatabaseUrl) -> None:
    """All wait for a row that somebody holds: each is told in its time, and all go on when it is free."""
    database = await open_database("unit", MIGRATIONS)
    await database.do(adding("oar"))
    other = await outside.postgres_connection(database_url("unit"))
    async with other.transaction():
        await other.execute("UPDATE things SET size = 0 WHERE name = 'oar'")
        with anyio.fail_after(10):
            told = await asyncio.gather(
                *(database.do(touch, timeout=1) for _ in range(MANY)), return_exceptions=True
            )
        assert {type(error) for error in told} == {Unavailable}
    await other.close()
    with anyio.fail_after(20):
        await asyncio.gather(*(database.do(touch) for _ in range(MANY)))
    assert await database.read(lambda tx: tx.value(sa.select(things.c.size))) == MANY


@pytest.fixture
def limited_url(database_url: DatabaseUrl) -> Iterator[str]:
    """The database, for somebody who may have two connections to it."""
    url = database_url("unit")
    outside.execute(
        url,
        f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT 2",
        f"DO 'BEGIN EXECUTE format(''GRANT ALL ON DATABASE %I TO {ROLE}'', current_database()); END'",
    )
    parts = urlsplit(url)
    yield parts._replace(netloc=f"{ROLE}@").geturl()
    outside.execute(url, f"DROP OWNED BY {ROLE} CASCADE", f"DROP ROLE {ROLE}")


async def test_a_server_that_takes_no_more_connections(limited_url: str) -> None:
    """What finds no connection is tried again until one is free, and is done."""
    database = await Database.open(limited_url, name="unit", migrations=MIGRATIONS)
    with anyio.fail_after(20):
        await asyncio.gather(*(database.do(adding(str(number))) for number in range(MANY)))
    assert len(await names(database)) == MANY
    await database.close()
