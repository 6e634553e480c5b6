"""The data manager on both engines: what a transaction promises."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import sqlalchemy as sa

from tests.conftest import DatabaseUrl, OpenDatabase
from tests.kit import outside
from tests.kit.things import ENDLESS, MIGRATIONS, adding, names, parts, refused, things
from tidemill.errors import BadRequest, Conflict, NotFound, Unavailable, typed
from tidemill.kit.db import Database, ForeignAwait, Instant, Snapshot, Transaction

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return await open_database("unit", MIGRATIONS)


async def test_what_is_done_is_read(database: Database) -> None:
    """A committed row is seen by the next reader, whole and by column."""
    assert await database.do(adding("oar", 3)) == 1
    select = sa.select(things.c.name, things.c.size)

    async def read(snapshot: Snapshot) -> tuple[Any, ...]:
        row = await snapshot.one(select)
        assert row is not None
        missing = await snapshot.one(select.where(things.c.size > 3))
        return row.name, row.size, missing, await snapshot.value(sa.select(things.c.size))

    assert await database.read(read) == ("oar", 3, None, 3)


async def test_many_rows_are_one_call(database: Database) -> None:
    """`run` with rows executes once per row, and does nothing for none."""

    async def insert(tx: Transaction) -> int:
        assert await tx.run(sa.insert(things), []) == 0
        rows = [{"name": "oar", "size": 1}, {"name": "rope", "size": 2}]
        assert await tx.run(sa.insert(things), rows) == 2
        return await tx.run(sa.update(things).values(size=5))

    assert await database.do(insert) == 2
    assert await names(database) == ["oar", "rope"]


async def test_a_failing_transaction_leaves_nothing(database: Database) -> None:
    """What was written before the failure is gone, and the failure reaches the caller as it was raised."""
    hooks: list[str] = []

    async def fail(tx: Transaction) -> None:
        tx.after_commit(hooks.append, "failed")
        tx.emit("thing", "oar", b"")
        await tx.run(sa.insert(things).values(name="oar"))
        raise NotFound("no such boat")

    error = await refused(database.do(fail))
    assert isinstance(error, NotFound)
    assert (await names(database), hooks, await database.events(0)) == ([], [], [])


async def test_hooks_follow_the_commit(database: Database, database_url: DatabaseUrl) -> None:
    """A hook runs in the event loop, after the commit and before the caller goes on."""
    seen: list[Any] = []
    loop = asyncio.get_running_loop()

    def hook(word: str) -> None:
        assert asyncio.get_running_loop() is loop
        seen.extend([word, *outside.execute(database_url("unit"), "SELECT name FROM things")])

    async def insert(tx: Transaction) -> None:
        tx.after_commit(hook, "hook")
        await tx.run(sa.insert(things).values(name="oar"))
        assert seen == []

    await database.do(insert)
    assert seen == ["hook", ("oar",)]


async def test_a_failing_hook_undoes_nothing(database: Database) -> None:
    """The transaction is committed whatever a hook does, and later hooks still run."""
    rung: list[int] = []

    async def insert(tx: Transaction) -> str:
        tx.after_commit(lambda: 1 // 0)
        tx.after_commit(rung.append, 1)
        await tx.run(sa.insert(things).values(name="oar"))
        return "done"

    assert await database.do(insert) == "done"
    assert (await names(database), rung) == (["oar"], [1])


async def test_what_only_the_commit_refuses_is_the_fault_of_one(database: Database) -> None:
    """A deferred constraint fails its own transaction alone, and its hooks never run."""
    hooks: list[str] = []

    async def dangle(tx: Transaction) -> None:
        tx.after_commit(hooks.append, "dangling")
        await tx.run(sa.insert(parts).values(name="blade", thing="nothing"))

    outcomes = await asyncio.gather(
        database.do(adding("oar")), database.do(dangle), database.do(adding("rope")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [int, Conflict, int]
    assert (await names(database), hooks) == (["oar", "rope"], [])


async def test_a_collision_is_a_conflict(database: Database) -> None:
    """A duplicate that no check of the store has foreseen is answered as 409, not as a bug."""
    await database.do(adding("oar"))
    error = await refused(database.do(adding("oar")))
    assert isinstance(error, Conflict)
    assert error.code == "collision"


async def test_insert_new_tells_whether_it_was(database: Database) -> None:
    """A row that is there already is left alone, and the transaction goes on."""

    async def twice(tx: Transaction) -> tuple[bool, bool, int]:
        first = await tx.insert_new(things, {"name": "oar", "size": 1})
        second = await tx.insert_new(things, {"name": "oar", "size": 2})
        return first, second, await tx.value(sa.select(things.c.size))

    assert await database.do(twice) == (True, False, 1)


@pytest.mark.parametrize(
    "wait",
    [
        lambda _: asyncio.sleep(0),
        lambda _: asyncio.sleep(60),
        lambda _: anyio.lowlevel.checkpoint(),
        lambda _: asyncio.to_thread(len, ""),
        lambda database: database.last_event(),
        lambda database: database.do(adding("rope")),
    ],
    ids=["yield", "sleep", "anyio", "thread", "read", "do"],
)
async def test_a_transaction_awaits_nothing_else(
    database: Database, wait: Callable[[Database], Awaitable[Any]]
) -> None:
    """Whatever a transaction function awaits beside its transaction is refused in clear words."""

    async def stray(tx: Transaction) -> None:
        await tx.run(sa.insert(things).values(name="oar"))
        await wait(database)

    error = await refused(database.do(stray))
    assert isinstance(error, ForeignAwait)
    assert "may await only its transaction" in str(error)
    assert "oar" not in await names(database)


async def test_the_callers_context_goes_along(database: Database) -> None:
    """Context variables of the caller, such as its request id, are seen in the transaction."""
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("mine")

    async def look(_: Snapshot) -> str:
        return variable.get()

    assert (await database.do(look), await database.read(look)) == ("mine", "mine")


async def test_the_deadline_ends_a_statement(database: Database) -> None:
    """A statement that takes too long is stopped, says so, and leaves a database that works."""

    async def endless(snapshot: Snapshot) -> None:
        await snapshot.all(sa.text(ENDLESS[snapshot.dialect]))

    for work in (database.do, database.read):
        with anyio.fail_after(10):
            error = await refused(work(endless, timeout=0.2))
        assert isinstance(error, Unavailable)
        assert error.code == "databaseTimeout"
    await database.do(adding("oar"))
    assert await names(database) == ["oar"]


async def test_a_late_order_is_not_begun(database: Database) -> None:
    """What has no time left when its turn comes is refused without being run."""
    ran: list[int] = []

    async def work(_: Transaction) -> None:
        ran.append(1)

    error = await refused(database.do(work, timeout=0))
    assert isinstance(error, Unavailable)
    assert ran == []


@pytest.mark.parametrize("steps", range(6))
async def test_a_cancelled_caller_tears_nothing(database: Database, steps: int) -> None:
    """The work of a caller that is cancelled at any moment is finished, and its hooks run."""
    finished = [asyncio.Event() for _ in range(20)]

    async def insert(number: int) -> None:
        async def work(tx: Transaction) -> None:
            tx.after_commit(finished[number].set)
            tx.emit("thing", str(number), b"")
            await tx.run(sa.insert(things).values(name=f"{number:02}"))

        await database.do(work)

    callers = [asyncio.create_task(insert(number)) for number in range(20)]
    for _ in range(steps + 1):
        await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    with anyio.fail_after(10):
        for event in finished:
            await event.wait()
    assert len(await names(database)) == await database.last_event() == 20


async def test_closing_finishes_what_was_asked_for(open_database: OpenDatabase) -> None:
    """Orders that were submitted before the close are committed, later ones are refused at once."""
    database = await open_database("unit", MIGRATIONS)
    orders = [asyncio.create_task(database.do(adding(f"{number:02}"))) for number in range(30)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*orders)
    await database.close()
    for late in (database.do(adding("late")), names(database)):
        assert isinstance(await refused(late), Unavailable)
    again = await open_database("unit", MIGRATIONS)
    assert len(await names(again)) == 30


async def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    """While a transaction is at work, readers see the state before it."""
    await database.do(adding("oar"))

    async def write(tx: Transaction) -> None:
        await tx.run(sa.insert(things).values(name="rope"))
        await tx.all(sa.text(ENDLESS[tx.dialect]))

    writing = asyncio.create_task(database.do(write, timeout=1))
    for _ in range(5):
        assert await names(database) == ["oar"]
    assert not writing.done()
    assert isinstance(await refused(writing), Unavailable)
    assert await names(database) == ["oar"]


async def test_a_snapshot_stands_still(database: Database, database_url: DatabaseUrl) -> None:
    """Two reads of one snapshot agree although somebody commits between them."""
    count = sa.select(sa.func.count()).select_from(things)

    async def twice(snapshot: Snapshot) -> tuple[int, int]:
        before = await snapshot.value(count)
        outside.execute(database_url("unit"), "INSERT INTO things (name) VALUES ('oar')")
        return before, await snapshot.value(count)

    assert await database.read(twice) == (0, 0)
    assert await names(database) == ["oar"]


async def test_an_instant_comes_back_as_it_was(database: Database) -> None:
    """A time keeps its microseconds and its place in time, in UTC."""
    moment = datetime(2026, 7, 30, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))

    async def read(snapshot: Snapshot) -> datetime:
        found: datetime = await snapshot.value(sa.select(sa.literal(moment, Instant)))
        return found

    found = await database.read(read)
    assert (found, found.tzinfo) == (moment, UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-07-30T12:00:00", "time zone"),
        ("0001-01-01T00:00:00+00:01", "years 1 to 9999"),
        ("9999-12-31T23:59:59.999999-00:01", "years 1 to 9999"),
    ],
)
async def test_what_is_no_instant_is_refused(database: Database, text: str, reason: str) -> None:
    """Nothing is stored that could not be read again; it is the mistake of who sent it."""
    wrong = sa.select(sa.literal(datetime.fromisoformat(text), Instant))
    error = typed(await refused(database.read(lambda s: s.value(wrong))))
    assert isinstance(error, BadRequest)
    assert reason in error.message


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "sqlite:///", "runs.db", "postgresql://127.0.0.1:99999/name"]
)
async def test_a_wrong_address_is_refused(url: str) -> None:
    """An address that cannot be one is the user's mistake, told at once."""
    error = await refused(Database.open(url, name="unit", migrations=MIGRATIONS))
    assert isinstance(error, BadRequest)
    assert "the database of unit" in str(error)
