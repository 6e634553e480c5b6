"""A store with a long past, made of one row of each kind: copies of it, whatever columns the schema has."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Table, select

from tidemill.kit.db import Database, Transaction

AT_ONCE = 5_000


async def copy(db: Database, table: Table, id: str, changes: Iterable[Mapping[str, Any]]) -> None:
    """For each of *changes* one more row, otherwise like the one with the *id*."""
    pattern = await db.read(lambda tx: tx.one(select(table).where(table.c.id == id)))
    assert pattern is not None, f"{table.name} has no row {id}"
    rows = ({**pattern._mapping, **change} for change in changes)
    while some := list(islice(rows, AT_ONCE)):

        async def insert(tx: Transaction, some: list[dict[str, Any]] = some) -> None:
            await tx.run(table.insert(), some)

        await db.do(insert, timeout=120)
