"""The data manager, on both engines: what a transaction promises."""

import pytest
import sqlalchemy as sa

from tests.conftest import OpenDatabase
from tidemill.kit.db import Transaction

pytestmark = pytest.mark.anyio

MIGRATIONS = "tests.kit.migrations"
things = sa.table("things", sa.column("name", sa.Text), sa.column("size", sa.BigInteger))


async def test_what_is_done_is_read(open_database: OpenDatabase) -> None:
    """A row written in a transaction is seen by the next reader."""
    database = await open_database("unit", MIGRATIONS)

    async def insert(tx: Transaction) -> int:
        return await tx.run(sa.insert(things).values(name="oar", size=3))

    assert await database.do(insert) == 1
    assert await database.read(lambda s: s.value(sa.select(things.c.size))) == 3
