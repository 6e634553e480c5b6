"""Commits whose answer never comes: what became of them is found out, and the caller never has to guess."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
import sqlalchemy as sa

from tests.conftest import DatabaseUrl
from tests.faults.proxy import Fate, Proxy
from tests.kit import outside
from tests.kit.things import MIGRATIONS, adding, names, refused, things
from tidemill.errors import Unavailable
from tidemill.kit.db import Database, Transaction

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
def proxy(database_url: DatabaseUrl) -> Iterator[Proxy]:
    """A way to the server that can break."""
    with Proxy(database_url("unit").partition("host=")[2] + "/.s.PGSQL.5432") as proxy:
        yield proxy


@pytest.fixture
async def database(database_url: DatabaseUrl, proxy: Proxy, anyio_backend: str) -> AsyncIterator[Database]:
    name = database_url("unit").partition("?")[0].rpartition("/")[2]
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}"
    database = await Database.open(url, name="unit", migrations=MIGRATIONS)
    yield database
    await database.close()


def once(fate: Fate, proxy: Proxy) -> None:
    """The next commit has this *fate*; those behind it pass."""
    fates = iter([fate])
    proxy.fate = lambda: next(fates, Fate.PASS)


class Adding:
    """A transaction that tells how often it ran, and for which attempt its hook did."""

    def __init__(self, *, emits: bool) -> None:
        self.attempts = 0
        self.hooks: list[int] = []
        self._emits = emits

    async def __call__(self, tx: Transaction) -> int:
        self.attempts += 1
        tx.after_commit(self.hooks.append, self.attempts)
        await tx.run(sa.insert(things).values(name="oar"))
        if self._emits:
            tx.emit("thing", "oar", b"")
            tx.emit("thing", "oar again", b"")
        return self.attempts


@pytest.mark.parametrize("emits", [False, True])
async def test_a_commit_that_was_made_is_answered(database: Database, proxy: Proxy, emits: bool) -> None:
    """The answer is lost, the change is not: it is made once, its hooks run, its caller hears of it."""
    once(Fate.UNANSWERED, proxy)
    work = Adding(emits=emits)
    assert await database.do(work) == 1
    assert (work.attempts, work.hooks, proxy.cuts) == (1, [1], [Fate.UNANSWERED])
    assert await names(database) == ["oar"]
    assert await database.last_event() == (2 if emits else 0)


@pytest.mark.parametrize("emits", [False, True])
async def test_a_commit_that_was_not_made_is_tried_again(
    database: Database, proxy: Proxy, emits: bool
) -> None:
    """The server has not heard of it: the transaction runs once more."""
    once(Fate.UNHEARD, proxy)
    work = Adding(emits=emits)
    assert await database.do(work) == 2
    assert (work.attempts, work.hooks) == (2, [2])
    assert await names(database) == ["oar"]
    assert [event.sequence for event in await database.events(0)] == ([1, 2] if emits else [])


async def test_a_commit_that_the_server_breaks_off_is_tried_again(
    database: Database, database_url: DatabaseUrl
) -> None:
    """The server ends the session in its commit each time: until the deadline, and nothing is changed."""
    outside.execute(
        database_url("unit"),
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION cut()",
    )
    work = Adding(emits=False)
    error = await refused(database.do(work, timeout=1))
    assert isinstance(error, Unavailable)
    assert (error.code, work.hooks) == ("databaseUnavailable", [])
    assert work.attempts > 1
    assert await names(database) == []


async def test_an_outcome_that_nobody_can_tell_is_unknown(
    database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost and the server cannot be asked: the caller is told that it may have been made."""
    monkeypatch.setattr("tidemill.kit.db.outcome.PATIENCE", 0.3)

    def fate() -> Fate:
        proxy.is_closed = True
        return Fate.UNANSWERED

    proxy.fate = fate
    work = Adding(emits=False)
    with anyio.fail_after(5):
        error = await refused(database.do(work))
    assert isinstance(error, Unavailable)
    assert (error.code, work.attempts, work.hooks) == ("outcomeUnknown", 1, [])
    proxy.fate, proxy.is_closed = lambda: Fate.PASS, False
    assert await names(database) == ["oar"]


async def test_many_at_once_find_out_what_became_of_each(database: Database, proxy: Proxy) -> None:
    """More commits than connections, and each of them breaks in one way or the other: each is made once."""
    fates = iter([Fate.UNHEARD, Fate.UNANSWERED] * 15)
    proxy.fate = lambda: next(fates, Fate.PASS)
    with anyio.fail_after(20):
        await asyncio.gather(*(database.do(adding(f"{number:02}")) for number in range(30)))
    assert await names(database) == [f"{number:02}" for number in range(30)]
