"""The inbox's rows: order, what stands in the way of what, and what is recorded once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import OpenDatabase
from tests.services.schema import differences
from tidemill.contracts.pushes import Push, RefUpdate
from tidemill.kit.db import Database
from tidemill.services.gateway.store import inbox, removals
from tidemill.services.gateway.store.inbox import Item, MadeRun, State
from tidemill.services.gateway.store.tables import metadata

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 30, 12, tzinfo=UTC)
MAIN, OTHER = "refs/heads/main", "refs/heads/other"
RUN = MadeRun(number=1, name="main", phase="queued", url="https://ci.example/1")


@pytest.fixture
async def db(open_database: OpenDatabase) -> Database:
    return await open_database("gateway", "tidemill.services.gateway.migrations")


async def add(db: Database, id: str, *refs: str, project: str = "p1", seconds: float = 0) -> bool:
    push = Push(
        id=id,
        project=project,
        pusher="u1",
        updates=tuple(RefUpdate(ref=ref, old="0", new=id) for ref in refs),
        received_at=NOW + timedelta(seconds=seconds),
    )
    return await db.do(lambda tx: inbox.add(tx, push))


async def heads(db: Database, limit: int = 10) -> list[Item]:
    return await db.read(lambda tx: inbox.heads(tx, limit))


def named(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.push_id, item.ref) for item in items]


async def settle(db: Database, item: Item, state: State = State.DONE, **more: Any) -> None:
    await db.do(lambda tx: inbox.settle(tx, item, state, note="", **more))


async def test_only_the_oldest_of_a_ref_is_worked_on(db: Database) -> None:
    """Other refs and other projects do not wait for it."""
    await add(db, "a", MAIN)
    await add(db, "b", MAIN, OTHER)
    await add(db, "c", MAIN, project="p2")
    first = await heads(db)
    assert named(first) == [("a", MAIN), ("b", OTHER), ("c", MAIN)]
    assert named(await heads(db, 2)) == [("a", MAIN), ("b", OTHER)]
    await settle(db, first[0])
    assert named(await heads(db)) == [("b", MAIN), ("b", OTHER), ("c", MAIN)]


async def test_what_is_due_first_comes_first(db: Database) -> None:
    """A postponed ref is no reason to overlook one that is due, and holds up its own ref alone."""
    await add(db, "a", MAIN)
    await add(db, "b", MAIN)
    await add(db, "c", OTHER)
    (head, *_) = await heads(db)
    later = NOW + timedelta(seconds=60)
    await db.do(lambda tx: inbox.postpone(tx, head, until=later, note="away; trying again"))
    found = await heads(db)
    assert named(found) == [("c", OTHER), ("a", MAIN)]
    assert (found[1].attempts, found[1].due_at, found[1].note) == (1, later, "away; trying again")


async def test_a_push_is_kept_once(db: Database) -> None:
    """The same id in another project is another push."""
    assert await add(db, "a", MAIN)
    assert not await add(db, "a", OTHER)
    assert await add(db, "a", MAIN, project="p2")
    items = await db.read(lambda tx: inbox.of_push(tx, "p1", "a"))
    assert [item.ref for item in items] == [MAIN]


async def test_the_first_record_stands(db: Database) -> None:
    """Whoever comes late with another outcome changes nothing."""
    await add(db, "a", MAIN)
    (item,) = await heads(db)
    await settle(db, item, runs=(RUN,))
    await settle(db, item, State.FAILED)
    await db.do(lambda tx: inbox.postpone(tx, item, until=NOW, note="late"))
    (kept,) = await db.read(lambda tx: inbox.of_push(tx, "p1", "a"))
    assert (kept.state, kept.runs, kept.note, kept.attempts) == (State.DONE, (RUN,), "", 0)


async def test_pending_refs_are_found_along_their_index(tmp_path: Path) -> None:
    """However many pushes are kept."""
    db = await Database.open(
        f"sqlite:///{tmp_path}/gateway.db", name="gateway", migrations="tidemill.services.gateway.migrations"
    )
    statement = inbox.heads_statement(10).compile(compile_kwargs={"literal_binds": True})
    plan = await db.read(lambda tx: tx.all(text(f"EXPLAIN QUERY PLAN {statement}")))
    await db.close()
    assert sum("pending_refs" in row.detail for row in plan) == 2


async def test_recent_pushes_come_with_their_refs(db: Database) -> None:
    """Newest first, and only the project's own."""
    await add(db, "a", MAIN, OTHER)
    await add(db, "x", MAIN, project="p2")
    await add(db, "b")
    await add(db, "c", MAIN)
    records = await db.read(lambda tx: inbox.recent(tx, "p1", 2))
    assert [(record.id, [item.ref for item in record.items]) for record in records] == [
        ("c", [MAIN]),
        ("b", []),
    ]
    older = await db.read(lambda tx: inbox.recent(tx, "p1", 2, "b"))
    assert [(record.id, len(record.items)) for record in older] == [("a", 2)]
    assert await db.read(lambda tx: inbox.recent(tx, "p1", 2, "x")) == []


async def test_a_removal_is_looked_at_when_it_is_due(db: Database) -> None:
    """Setting it again changes when; forgetting it twice is harmless."""
    later = NOW + timedelta(minutes=2)
    await db.do(lambda tx: removals.add(tx, ["p1", "p2"], later))
    assert await db.read(lambda tx: removals.due(tx, NOW)) == []
    await db.do(lambda tx: removals.add(tx, ["p1"], NOW))
    assert await db.read(lambda tx: removals.due(tx, NOW)) == ["p1"]
    for _ in range(2):
        await db.do(lambda tx: removals.forget(tx, "p1"))
    assert await db.read(lambda tx: removals.due(tx, later)) == ["p2"]


async def test_the_migrations_make_what_the_store_expects(tmp_path: Path) -> None:
    """Every table, column, index and key."""
    assert await differences("gateway", metadata, tmp_path) == []
