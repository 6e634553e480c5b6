"""The outbox as a queue: what is looked at however much waits, and what its migrations make."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import ClauseElement, Executable, text
from sqlalchemy.dialects import sqlite

from tests.conftest import Clock
from tests.services.notification.conftest import MIGRATIONS
from tests.services.schema import differences
from tidemill.contracts.notification import DeliveryStatus
from tidemill.kit.db import Database, Transaction
from tidemill.services.notification.store import claiming, expiry, listing, outbox
from tidemill.services.notification.store.outbox import Told
from tidemill.services.notification.store.tables import metadata

pytestmark = pytest.mark.anyio

PHASES = ("queued", "running", "stuck", "finished")


def ids() -> Iterator[str]:
    return (f"id-{number}" for number in count())


async def fill(db: Database, clock: Clock, runs: int) -> None:
    """Everything that is told of so many runs, none of it delivered."""
    fresh = ids()
    news = [
        Told(project="p1", run=f"run-{run}", phase=phase, result="", payload=b"{}")
        for run in range(runs)
        for phase in PHASES
    ]
    for first in range(0, len(news), 500):
        some, theirs = news[first : first + 500], [next(fresh) for _ in range(1000)]
        await db.do(lambda tx, some=some, theirs=theirs: outbox.tell(tx, some, "one", clock(), iter(theirs)))


async def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    """What the store believes in is what there is."""
    assert await differences("notification", metadata, tmp_path) == []


class Watched:
    """Notes the plan of every statement of a transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.plans: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def all(self, stmt: Executable, values: Any = None) -> list[Any]:
        await self._explain(stmt, values)
        return await self._tx.all(stmt, values)

    async def one(self, stmt: Executable, values: Any = None) -> Any:
        await self._explain(stmt, values)
        return await self._tx.one(stmt, values)

    async def value(self, stmt: Executable, values: Any = None) -> Any:
        await self._explain(stmt, values)
        return await self._tx.value(stmt, values)

    async def run(self, stmt: Executable, values: Any = None) -> int:
        await self._explain(stmt, values[0] if isinstance(values, list) else values)
        return await self._tx.run(stmt, values)

    async def _explain(self, stmt: Executable, values: Any) -> None:
        names = list(values or {})
        sql = str(cast("ClauseElement", stmt).compile(dialect=sqlite.dialect(), column_keys=names))
        sql = re.sub(r"\(__\[POSTCOMPILE_\w+\]\)", "(1)", sql)  # a list
        sql = re.sub(r"__\[POSTCOMPILE_\w+\]", "'notDelivered'", sql).replace("?", "1")
        if sql.startswith("INSERT"):
            return
        found = await self._tx.all(text(f"EXPLAIN QUERY PLAN {sql}"))
        self.plans += [row.detail for row in found]


async def test_what_waits_is_never_looked_at(tmp_path: Path, clock: Clock, anyio_backend: str) -> None:
    """Every statement of a look, a claim, an end and a repetition goes along an index that fits."""
    db = await Database.open(
        f"sqlite:///{tmp_path}/notification.db", name="notification", migrations=MIGRATIONS
    )
    await fill(db, clock, 10)
    now = clock()

    async def work(tx: Transaction) -> list[str]:
        watched: Any = Watched(tx)
        await claiming.prospects(watched)
        (first, *_) = await claiming.claim(watched, "one", 8, by="me", now=now, until=now)
        assert await claiming.settle(
            watched, first, DeliveryStatus.ERROR, status_code=500, reason="", now=now
        )
        assert await outbox.content_of(watched, first.id) is not None
        assert not await outbox.is_pending(watched, first.webhook)
        await listing.page(watched, "p1", after=5000, status=(), ascending=True, limit=30)
        await expiry.remove(watched, now, now, 200)
        return list(watched.plans)

    plans = await db.do(work)
    await db.close()
    scans = [plan for plan in plans if plan.startswith("SCAN run_webhook")]
    assert not scans, plans
    assert any("due_deliveries" in plan for plan in plans)
    assert any("pending_deliveries_of_run" in plan for plan in plans)


async def test_only_the_first_of_a_run_has_its_turn(db: Database, clock: Clock) -> None:
    """And hands it on when it is over, to one alone."""
    await fill(db, clock, 3)
    now = clock()
    seen = []
    for _ in PHASES:
        claimed = await db.do(
            lambda tx: claiming.claim(tx, "one", 100, by="me", now=now, until=now.replace(year=2027))
        )
        assert {one.run for one in claimed} == {"run-0", "run-1", "run-2"}
        seen += [one.id for one in claimed]
        for one in claimed:
            assert await db.do(
                lambda tx, one=one: claiming.settle(
                    tx, one, DeliveryStatus.DELIVERED, status_code=201, reason="", now=now
                )
            )
    assert len(set(seen)) == 12
    (prospect,) = await db.read(claiming.prospects)
    assert prospect.next_at is None


async def test_a_claim_that_is_lost_settles_nothing(db: Database, clock: Clock) -> None:
    """Who comes back too late changes nothing of what another has in hand."""
    await fill(db, clock, 1)
    now = clock()
    (late,) = await db.do(lambda tx: claiming.claim(tx, "one", 1, by="late", now=now, until=now))
    (mine,) = await db.do(lambda tx: claiming.claim(tx, "one", 1, by="mine", now=now, until=now))
    assert late.sequence == mine.sequence
    for record in (
        lambda tx: claiming.settle(tx, late, DeliveryStatus.ERROR, status_code=0, reason="", now=now),
        lambda tx: claiming.postpone(tx, late, until=now, reason=""),
    ):
        assert not await db.do(record)
    assert await db.do(
        lambda tx: claiming.settle(tx, mine, DeliveryStatus.DELIVERED, status_code=201, reason="", now=now)
    )


async def test_numbers_of_deliveries_are_never_given_twice(db: Database, clock: Clock) -> None:
    """Also when all that there were have gone: a cursor of a list goes on behind them."""
    await fill(db, clock, 1)
    await db.do(lambda tx: expiry.remove(tx, clock().replace(year=2027), clock(), 100))
    await fill(db, clock, 1)
    found = await db.read(lambda tx: listing.page(tx, "p1", after=None, status=(), ascending=True, limit=0))
    assert [one.sequence for one in found] == [5, 6, 7, 8]
