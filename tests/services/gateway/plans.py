"""How databases would carry out statements, as they say themselves: what of it reads or sorts too much."""

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import asyncpg

#: Tables that never have more than one row.
ONE_ROW = {"tidemill_identity", "tidemill_feed"}
#: What SQLite says of a table that it reads from end to end.
_SCAN = re.compile(r"SCAN (\w+)$")
#: Parts of a statement that have names: their results are as long as what an index found.
_NAMED = re.compile(r"\b(\w+)(?:\([^()]*\))? AS (?:NOT )?(?:MATERIALIZED )?\s*\(|\) AS (\w+)")
#: What is counted whole, for administrators alone: how much is sealed under each key.
_COUNTED = re.compile(r"SELECT (\w+)\.key_id, count\(\*\)")
#: Rather anything than that; what is left of it no index helps with.
_UNWILLING = "SET enable_seqscan = off; SET enable_sort = off; SET enable_incremental_sort = off"


def faults_on_sqlite(path: str, statements: Iterable[tuple[str, Any]]) -> set[str]:
    """Tables that are read whole, but for the beginning of a list in their own order; whole tables sorted."""
    found = set()
    with closing(sqlite3.connect(path)) as connection:
        for statement, parameters in statements:
            try:
                rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    continue
                raise
            plan = [row[-1] for row in rows]
            named = {name for names in _NAMED.findall(statement) for name in names} | ONE_ROW
            scanned = {match[1] for detail in plan if (match := _SCAN.match(detail))} - named
            sorts = "USE TEMP B-TREE FOR ORDER BY" in plan
            narrowed = any("=?" in detail for detail in plan)
            if (scanned and (sorts or "LIMIT" not in statement)) or (sorts and not narrowed):
                found.add(f"{plan}: {statement}")
    return _but_for_counts(found)


async def faults_on_postgresql(url: str, schema: str, statements: Iterable[tuple[str, Any]]) -> set[str]:
    """The same, of what cannot be done otherwise."""
    found = set()
    connection = await asyncpg.connect(url, server_settings={"search_path": schema})
    try:
        await connection.execute(_UNWILLING)
        for statement, parameters in statements:
            try:
                rows = await connection.fetch(f"EXPLAIN (COSTS off) {statement}", *parameters)
            except asyncpg.UndefinedTableError:
                continue
            plan = "\n".join(row[0] for row in rows)
            narrowed = re.search(r"Cond: .* = ", plan) is not None
            scanned = set(re.findall(r"Seq Scan on (\w+)", plan)) - ONE_ROW
            if scanned or ("Sort Key" in plan and not narrowed):
                found.add(f"{plan}: {statement}")
    finally:
        await connection.close()
    return _but_for_counts(found)


def _but_for_counts(found: set[str]) -> set[str]:
    return {fault for fault in found if not _COUNTED.search(fault)}
