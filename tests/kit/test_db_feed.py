"""The event feed and the epoch: what readers with a cursor can rely on."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import DatabaseUrl, OpenDatabase
from tests.kit import outside
from tests.kit.things import MIGRATIONS, adding, names, refused, things
from tidemill.errors import Unavailable
from tidemill.kit.db import Database, Transaction, ledger, reach

pytestmark = pytest.mark.anyio

WRITERS, EACH = 12, 15


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return await open_database("unit", MIGRATIONS)


async def test_events_come_with_their_transaction(database: Database) -> None:
    """What a transaction emits is numbered in its order and keeps kind, key and payload."""

    async def emit(tx: Transaction) -> None:
        tx.emit("run", "a", b"\x00\xff")
        await tx.run(sa.insert(things).values(name="oar"))
        tx.emit("task", "b", b"")

    await database.do(emit)
    await database.do(emit_one("c"))
    events = await database.events(0)
    assert [(e.sequence, e.kind, e.key, e.payload) for e in events] == [
        (1, "run", "a", b"\x00\xff"),
        (2, "task", "b", b""),
        (3, "run", "c", b"c"),
    ]
    assert events[0].at <= events[2].at
    assert await database.last_event() == 3


async def test_a_reader_goes_on_where_it_was(database: Database) -> None:
    """The feed is read in pages behind a cursor."""
    for number in range(5):
        await database.do(emit_one(str(number)))
    assert [e.sequence for e in await database.events(2, limit=2)] == [3, 4]
    assert [e.sequence for e in await database.events(4)] == [5]
    assert await database.events(5) == []


async def test_old_events_are_purged_and_the_numbers_go_on(database: Database) -> None:
    """From the oldest on, a few at a time; the newest number stays known when none is left."""
    for number in range(5):
        await database.do(emit_one(str(number)))
    third = (await database.events(2))[0].at
    assert await database.purge_events(third, limit=1) == 1
    assert await database.purge_events(third) == 1
    assert await database.purge_events(third) == 0
    assert [e.sequence for e in await database.events(0)] == [3, 4, 5]
    assert await database.purge_events(third + timedelta(hours=1)) == 3
    found = await database.read(reach)
    assert (found.oldest, found.last) == (6, 5)
    await database.do(emit_one("5"))
    assert [e.sequence for e in await database.events(0)] == [6]


async def test_reading_the_feed_goes_along_its_index(tmp_path: Path) -> None:
    """However long it is; what comes last, first, or behind a number is found at once."""
    database = await Database.open(f"sqlite:///{tmp_path}/unit.db", name="unit", migrations=MIGRATIONS)
    values = {"behind": 5, "most": 10, "of": "run"}
    for statement in (ledger._BEHIND, ledger._LAST_OF_KIND, ledger._REACH):
        params = statement.compile().params
        asked = params | {name: values[name] for name in params if name in values}
        explain = sa.text(f"EXPLAIN QUERY PLAN {statement}")
        plan = await database.read(lambda tx, explain=explain, asked=asked: tx.all(explain, asked))
        lines = [row.detail for row in plan if "tidemill_events" in row.detail]
        assert lines
        assert all("sqlite_autoindex_tidemill_events_1" in line for line in lines), lines
        assert not any("TEMP B-TREE" in row.detail for row in plan)
    await database.close()


async def test_many_committers_leave_no_gap(
    open_database: OpenDatabase, database: Database, database_url: DatabaseUrl
) -> None:
    """With committers of two instances, some of them failing, a reader never sees a number out of turn."""
    shares = database_url("unit").startswith("postgresql")
    other = await open_database("unit", MIGRATIONS) if shares else database
    done = asyncio.Event()

    async def commit(writer: int) -> None:
        for number in range(EACH):
            one = (database, other)[number % 2]
            outcome = one.do(emit_one(f"{writer}-{number}", fails=(writer + number) % 5 == 0))
            await asyncio.gather(outcome, return_exceptions=True)

    async def follow() -> list[str]:
        keys: list[str] = []
        while True:
            is_last = done.is_set()
            for event in await database.events(len(keys), limit=7):
                assert event.sequence == len(keys) + 1, "a number is missing or came late"
                keys.append(event.key)
            if is_last and len(keys) == await database.last_event():
                return keys

    following = asyncio.create_task(follow())
    await asyncio.gather(*(commit(writer) for writer in range(WRITERS)))
    done.set()
    keys = await following
    kept = {f"{w}-{n}" for w in range(WRITERS) for n in range(EACH) if (w + n) % 5 != 0}
    assert len(keys) == len(kept)
    assert set(keys) == kept == set(await names(database))


async def test_an_epoch_is_kept_and_is_its_own(open_database: OpenDatabase, database: Database) -> None:
    """Opening again finds the same epoch; another database has another one."""
    again = await open_database("unit", MIGRATIONS)
    other = await open_database("other", MIGRATIONS)
    assert database.epoch == again.epoch != other.epoch


async def test_a_writer_of_another_epoch_is_fenced(database: Database, database_url: DatabaseUrl) -> None:
    """When an import has replaced the epoch, an instance that does not know yet cannot commit."""
    outside.execute(database_url("unit"), "UPDATE tidemill_identity SET epoch = 'imported'")
    for work in (adding("oar"), emit_one("rope")):
        error = await refused(database.do(work))
        assert isinstance(error, Unavailable)
        assert error.code == "epochChanged"
    assert await names(database) == []
    assert await database.last_event() == 0


def emit_one(key: str, *, fails: bool = False):
    """A transaction that adds a thing and tells of it."""

    async def emit(tx: Transaction) -> None:
        tx.emit("run", key, key.encode())
        await tx.run(sa.insert(things).values(name=key))
        if fails:
            raise KeyError(key)

    return emit
