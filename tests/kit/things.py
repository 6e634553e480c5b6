"""The tables of the machinery's own tests, and the transactions that tests make of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from tidemill.kit.db import Database, Transaction

MIGRATIONS = "tests.kit.migrations"

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger),
)
parts = sa.Table(
    "parts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("thing", sa.Text),
)

#: A select that is still at work when every deadline of a test has passed.
ENDLESS = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}


def adding(name: str, size: int = 0) -> Callable[[Transaction], Awaitable[int]]:
    """A transaction that adds a thing."""

    async def add(tx: Transaction) -> int:
        return await tx.run(sa.insert(things).values(name=name, size=size))

    return add


async def names(database: Database) -> list[str]:
    """Every thing there is."""
    rows = await database.read(lambda s: s.all(sa.select(things.c.name).order_by(things.c.name)))
    return [row.name for row in rows]


async def refused(work: Awaitable[Any]) -> BaseException:
    """How *work* fails; it has to."""
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    assert isinstance(outcome, BaseException), f"it was not refused, and answered {outcome!r}"
    return outcome
