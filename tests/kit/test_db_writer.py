"""SQLite's writer: what is committed together, and what happens when the file or its disk says no."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa

from tests.kit import outside
from tests.kit.things import ENDLESS, MIGRATIONS, adding, names, refused, things
from tests.require import require
from tidemill.errors import Unavailable
from tidemill.kit.db import Database, Transaction
from tidemill.kit.db.sqlite import SqliteEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'unit.db'}"


async def open_(url: str) -> tuple[Database, SqliteEngine]:
    database = await Database.open(url, name="unit", migrations=MIGRATIONS)
    assert isinstance(database.engine, SqliteEngine)
    return database, database.engine


async def submitted(database: Database, count: int) -> list[asyncio.Task[int]]:
    """Orders of *count* callers, all of them on their way to the writer."""
    orders = [asyncio.create_task(database.do(adding(f"{number:03}"))) for number in range(count)]
    await asyncio.sleep(0)
    return orders


async def test_what_waits_together_is_committed_together(url: str) -> None:
    """While the writer waits for the file, a hundred orders gather, and a few commits serve them all."""
    database, engine = await open_(url)
    with outside.sqlite_connection(url) as other:
        other.execute("BEGIN IMMEDIATE")
        before = engine.commits
        orders = await submitted(database, 100)
        other.execute("COMMIT")
        await asyncio.gather(*orders)
    assert engine.commits - before <= 2
    assert len(await names(database)) == 100
    await database.close()


async def test_in_one_commit_each_fails_alone(url: str) -> None:
    """A transaction that fails in the middle of a shared commit takes only its own rows along."""
    database, engine = await open_(url)

    async def fail(tx: Transaction) -> None:
        await tx.run(sa.insert(things).values(name="lost"))
        raise KeyError("mine")

    with outside.sqlite_connection(url) as other:
        other.execute("BEGIN IMMEDIATE")
        before = engine.commits
        good = await submitted(database, 10)
        bad = [asyncio.create_task(database.do(fail)) for _ in range(5)]
        late = asyncio.create_task(database.do(adding("late")))
        await asyncio.sleep(0)
        other.execute("COMMIT")
        outcomes = await asyncio.gather(*good, *bad, late, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int] * 10 + [KeyError] * 5 + [int]
    assert engine.commits - before <= 2
    assert "lost" not in (left := await names(database))
    assert len(left) == 11
    await database.close()


async def test_one_that_ends_the_transaction_does_not_end_the_others(url: str) -> None:
    """SQLite rolls everything back when it stops a long write; the innocent are run again."""
    database, _ = await open_(url)

    async def endless_write(tx: Transaction) -> None:
        tx.emit("thing", "never", b"")
        source = ENDLESS["sqlite"].replace("SELECT max(x)", "SELECT x, x")
        await tx.run(sa.text(f"INSERT INTO things (name, size) {source}"))

    with outside.sqlite_connection(url) as other:
        other.execute("BEGIN IMMEDIATE")
        good = await submitted(database, 5)
        bad = asyncio.create_task(database.do(endless_write, timeout=1))
        late = asyncio.create_task(database.do(adding("late")))
        await asyncio.sleep(0)
        other.execute("COMMIT")
        outcomes = await asyncio.gather(*good, bad, late, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int] * 5 + [Unavailable, int]
    assert await names(database) == ["000", "001", "002", "003", "004", "late"]
    assert await database.last_event() == 0
    await database.close()


async def test_after_its_transaction_has_ended_nothing_is_written(url: str) -> None:
    """When the transaction is over, by SQLite or by its own doing, no further statement commits by itself."""
    database, _ = await open_(url)

    async def stubborn(tx: Transaction) -> None:
        await tx.run(sa.text("ROLLBACK"))
        await tx.run(sa.insert(things).values(name="outside"))

    assert isinstance(await refused(database.do(stubborn)), Unavailable)
    assert await names(database) == []
    await database.do(adding("oar"))
    await database.close()


async def test_a_commit_is_on_the_disk(url: str) -> None:
    """The log is synchronized with every commit, so that a power cut takes nothing that was answered."""
    database, _ = await open_(url)

    async def look(tx: Transaction) -> list[Any]:
        return [await tx.value(sa.text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")]

    assert await database.do(look) == ["wal", 2]
    await database.close()


async def test_a_busy_file_is_waited_for(url: str) -> None:
    """Another process's transaction delays an order and does not fail it."""
    database, _ = await open_(url)
    with outside.sqlite_connection(url) as other:
        other.execute("BEGIN IMMEDIATE")
        order = asyncio.create_task(database.do(adding("oar")))
        # Longer than SQLite's own patience: it is ours that waits.
        done, _ = await asyncio.wait([order], timeout=0.5)
        assert not done
        other.execute("COMMIT")
        with anyio.fail_after(5):
            assert await order == 1
    await database.close()


async def test_a_busy_file_is_not_waited_for_longer_than_asked(url: str) -> None:
    """At its deadline an order fails although the file is still held; those with time wait on."""
    database, _ = await open_(url)
    with outside.sqlite_connection(url) as other:
        other.execute("BEGIN IMMEDIATE")
        patient = asyncio.create_task(database.do(adding("patient")))
        with anyio.fail_after(5):
            error = await refused(database.do(adding("hasty"), timeout=0.3))
        assert isinstance(error, Unavailable)
        other.execute("COMMIT")
        assert await patient == 1
    assert await names(database) == ["patient"]
    await database.close()


async def fill(database: Database) -> tuple[int, BaseException]:
    """Write until it is refused; how many rows went in, and what was said."""
    for number in range(1000):
        outcome = (await asyncio.gather(database.do(big(number)), return_exceptions=True))[0]
        if isinstance(outcome, BaseException):
            return number, outcome
    raise AssertionError("the disk never filled up")


def big(number: int):
    return adding(f"{number:05}" + "x" * 100_000)


async def test_a_full_file_is_told_and_nothing_is_torn(url: str) -> None:
    """When no page is left, an order fails as Unavailable, and every one before it is there."""
    database, engine = await open_(url)
    engine._writing.driver.execute("PRAGMA max_page_count=300")
    stored, error = await fill(database)
    assert isinstance(error, Unavailable)
    assert "the disk is full" in str(error)
    assert len(await names(database)) == stored > 0
    engine._writing.driver.execute("PRAGMA max_page_count=100000")
    await database.do(adding("oar"))
    await database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    can = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    require("tmpfs", can, "mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_is_told_and_nothing_is_torn(small_disk: Path) -> None:
    """On a full file system the same holds, and writing goes on once there is space again."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * 1024))
    database, _ = await open_(f"sqlite:///{small_disk / 'unit.db'}")
    stored, error = await fill(database)
    assert isinstance(error, Unavailable)
    assert "the disk" in str(error)
    assert len(await names(database)) == stored > 0
    ballast.unlink()
    await database.do(adding("oar"))
    await database.close()


async def test_the_file_is_for_its_owner_alone(url: str) -> None:
    """Neither the database nor its log can be read by others."""
    database, _ = await open_(url)
    await database.do(adding("oar"))
    path = Path(url.removeprefix("sqlite:///"))
    modes = {file.name: file.stat().st_mode & 0o077 for file in path.parent.glob("unit.db*")}
    assert "unit.db-wal" in modes
    assert set(modes.values()) == {0}
    await database.close()
