"""Reach a test's database from outside the data manager, as another program would."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

SCHEMA = "unit"


def execute(url: str, *statements: str) -> list[Any]:
    """Commit *statements* in one transaction, blocking; answers the rows of the last."""
    if url.startswith("sqlite:"):
        with sqlite_connection(url) as connection:
            rows: list[Any] = []
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            connection.execute("COMMIT")
            return rows
    return _in_a_thread(_on_postgres, url, statements)


@contextmanager
def sqlite_connection(url: str) -> Iterator[sqlite3.Connection]:
    """A connection that waits for nobody; it is closed at the end, with what it holds."""
    path = Path(url.removeprefix("sqlite:///"))
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        yield connection
    finally:
        connection.close()


async def postgres_connection(url: str) -> Any:
    """A connection to the tests' schema."""
    return await asyncpg.connect(url, timeout=10, server_settings={"search_path": SCHEMA})


async def _on_postgres(url: str, statements: tuple[str, ...]) -> list[Any]:
    connection = await postgres_connection(url)
    try:
        rows: list[Any] = []
        async with connection.transaction():
            for statement in statements:
                rows = [tuple(row) for row in await connection.fetch(statement)]
        return rows
    finally:
        await connection.close()


def _in_a_thread(fn: Any, *args: Any) -> list[Any]:
    rows: list[Any] = []
    thread = threading.Thread(target=lambda: rows.extend(asyncio.run(fn(*args))))
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive(), "the database does not answer"
    return rows
