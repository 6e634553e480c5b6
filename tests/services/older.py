"""Databases of older schemas, with as many of today's rows as they can hold."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import MetaData, Table, column, insert, select, text
from sqlalchemy import table as sql_table

from tidemill.kit.db import Database, Snapshot, Transaction

Rows = Mapping[str, Sequence[dict[str, Any]]]


def migrations_until(package: ModuleType, revisions: Sequence[str], revision: str, folder: Path) -> None:
    """Make in *folder* a package of those migrations that there were when *revision* was the newest."""
    (folder / "__init__.py").write_text("")
    for known in revisions[: revisions.index(revision) + 1]:
        shutil.copy(Path(package.__path__[0]) / f"{known}.py", folder)


async def dump(db: Database, metadata: MetaData) -> Rows:
    """All rows of all tables."""

    async def read(tx: Snapshot) -> Rows:
        return {
            table.name: [dict(row._mapping) for row in await tx.all(select(table))]
            for table in metadata.sorted_tables
        }

    return await db.read(read)


async def fill(db: Database, metadata: MetaData, rows: Rows) -> None:
    """Put in what the schema can hold; rows that its migrations have put in stay."""

    async def write(tx: Transaction) -> None:
        for table in metadata.sorted_tables:
            there = await _columns(tx, table.name)
            fitting = [{name: row[name] for name in row if name in there} for row in rows[table.name]]
            if there and fitting and not await tx.all(text(f"SELECT 1 FROM {table.name} LIMIT 1")):
                older = [column(one.name, one.type) for one in table.columns if one.name in there]
                await tx.run(insert(sql_table(table.name, *older)), fitting)
                await _count_on(tx, table)

    await db.do(write)


async def _count_on(tx: Transaction, table: Table) -> None:
    """The next row that the database numbers comes behind those that were put in; SQLite's does anyway."""
    number = table.autoincrement_column
    if number is not None and tx.dialect == "postgresql":
        behind = (
            f"setval(pg_get_serial_sequence(:of, :number), (SELECT max({number.name}) FROM {table.name}))"
        )
        await tx.value(text(f"SELECT {behind}"), {"of": table.name, "number": number.name})


async def _columns(tx: Snapshot, table: str) -> set[str]:
    """The columns that a table has in the database; none when there is no such table."""
    if tx.dialect == "sqlite":
        return {row.name for row in await tx.all(text(f"PRAGMA table_info({table})"))}
    query = (
        "SELECT column_name AS name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = :of"
    )
    return {row.name for row in await tx.all(text(query), {"of": table})}
