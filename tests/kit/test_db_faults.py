"""The data manager when things break: killed processes, lost connections, lost races."""

import asyncio
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import sqlalchemy as sa

from tests.conftest import DatabaseUrl, OpenDatabase
from tests.kit import outside
from tests.kit.db_program import CALLERS
from tests.kit.things import MIGRATIONS, adding, names, refused, things
from tidemill.errors import BadRequest, Unavailable
from tidemill.kit.db import Database, Transaction

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]

only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return await open_database("unit", MIGRATIONS)


@pytest.mark.parametrize("lines", [1, 40, 300])
async def test_a_killed_writer_loses_nothing_it_has_acknowledged(
    open_database: OpenDatabase, database_url: DatabaseUrl, lines: int
) -> None:
    """After kill -9 there is every acknowledged commit, whole, and at most those that were in flight."""
    acknowledged = await asyncio.to_thread(write_until_killed, database_url("unit"), lines)
    assert len(acknowledged) >= lines
    database = await open_database("unit", MIGRATIONS)
    rows = await database.read(lambda s: s.all(sa.select(things.c.name, things.c.size)))
    kept = {row.name for row in rows}
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= CALLERS
    assert {row.size for row in rows} == {1}
    events = await database.events(0, limit=100_000)
    assert [event.sequence for event in events] == list(range(1, len(kept) + 1))
    assert {event.key for event in events} == kept
    await database.do(adding("oar"))


def write_until_killed(url: str, lines: int) -> set[str]:
    """Run the program until it has acknowledged *lines* commits, kill it; what it has acknowledged."""
    command = [sys.executable, "-m", "tests.kit.db_program", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        said = [program.stdout.readline() for _ in range(lines)]
        program.kill()
        said += program.stdout.readlines()
    return {line.strip() for line in said if line.endswith("\n")}


@only_postgresql
async def test_a_serialization_failure_is_tried_again(database: Database) -> None:
    """When the server asks for another attempt, the function runs again and hooks run once."""
    attempts: list[int] = []
    hooks: list[int] = []

    async def work(tx: Transaction) -> int:
        attempts.append(1)
        tx.after_commit(hooks.append, len(attempts))
        tx.emit("thing", "oar", b"")
        await tx.run(sa.insert(things).values(name="oar"))
        if len(attempts) < 3:
            await tx.run(sa.text(failing_with("40001")))
        return len(attempts)

    assert await database.do(work) == 3
    assert (await names(database), hooks, await database.last_event()) == (["oar"], [3], 1)


@only_postgresql
async def test_a_deadlock_is_tried_again(database: Database, database_url: DatabaseUrl) -> None:
    """The victim of a deadlock runs again when the other is through."""
    await database.do(adding("oar"))
    await database.do(adding("rope"))
    attempts: list[int] = []
    other = await outside.postgres_connection(database_url("unit"))
    await other.execute("SET deadlock_timeout = '60s'")  # so that ours finds it, and is the victim

    async def both(tx: Transaction) -> None:
        attempts.append(1)
        for name in ("oar", "rope"):
            await tx.run(sa.update(things).where(things.c.name == name).values(size=things.c.size + 1))

    async with other.transaction():
        await other.execute("UPDATE things SET size = 10 WHERE name = 'rope'")
        ours = asyncio.create_task(database.do(both))
        await blocked(other)
        await other.execute("UPDATE things SET size = 10 WHERE name = 'oar'")
    await other.close()
    with anyio.fail_after(10):
        await ours
    assert len(attempts) == 2
    rows = await database.read(lambda s: s.all(sa.select(things.c.size)))
    assert [row.size for row in rows] == [11, 11]


async def blocked(other) -> None:
    """Wait until some session waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with anyio.fail_after(10):
        while not await other.fetchval(waiting):
            await anyio.lowlevel.checkpoint()


@only_postgresql
async def test_a_lost_race_is_run_once_more(database: Database, database_url: DatabaseUrl) -> None:
    """Who looked, found nothing and collided looks again, and gives the store's own answer."""

    async def create(tx: Transaction) -> None:
        if await tx.value(sa.select(things.c.name).where(things.c.name == "oar")):
            raise BadRequest("there is an oar")
        outside.execute(database_url("unit"), "INSERT INTO things (name) VALUES ('oar')")
        await tx.run(sa.insert(things).values(name="oar"))

    error = await refused(database.do(create))
    assert isinstance(error, BadRequest)


@only_postgresql
async def test_connections_that_the_server_closes_are_replaced(
    database: Database, database_url: DatabaseUrl
) -> None:
    """After a restart of the server nobody notices, neither before nor in the middle of a transaction."""
    await asyncio.gather(*(database.do(adding(str(number))) for number in range(5)))
    close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemill-unit'"
    attempts: list[int] = []

    async def cut_once(tx: Transaction) -> None:
        attempts.append(1)
        await tx.run(sa.insert(things).values(name="oar"))
        if len(attempts) == 1:
            outside.execute(database_url("unit"), close)
        await tx.run(sa.insert(things).values(name="rope"))

    outside.execute(database_url("unit"), close)
    assert len(await names(database)) == 5
    await database.do(cut_once)
    assert len(attempts) == 2
    assert await names(database) == ["0", "1", "2", "3", "4", "oar", "rope"]


@only_postgresql
@pytest.mark.parametrize(
    ("state", "code"),
    [("53100", "databaseUnavailable"), ("57P03", "databaseUnavailable"), ("40001", "databaseUnavailable")],
    ids=["disk full", "starting", "never serialized"],
)
async def test_what_does_not_pass_is_told_at_the_deadline(database: Database, state: str, code: str) -> None:
    """A server that cannot work now is Unavailable, with its own words, and nothing is written."""

    async def work(tx: Transaction) -> None:
        await tx.run(sa.insert(things).values(name="oar"))
        await tx.run(sa.text(failing_with(state)))

    with anyio.fail_after(5):
        error = await refused(database.do(work, timeout=0.3))
    assert isinstance(error, Unavailable)
    assert error.code == code
    assert "forced" in str(error)
    assert await names(database) == []


async def test_a_server_that_is_away_is_told_at_the_deadline() -> None:
    """Nobody answers at the address: Unavailable, after the time given for opening."""
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    with anyio.fail_after(5):
        error = await refused(Database.open(url, name="unit", migrations=MIGRATIONS, timeout=0.2))
    assert isinstance(error, Unavailable)
    assert "the database of unit" in str(error)


async def test_a_mistake_in_a_statement_is_not_hidden(database: Database) -> None:
    """A wrong statement is a bug, raised as it is and at once, not a reason to wait."""

    async def wrong(tx: Transaction) -> None:
        await tx.run(sa.text("INSERT INTO nothing VALUES (1)"))

    with anyio.fail_after(5):
        assert isinstance(await refused(database.do(wrong)), sa.exc.DBAPIError)


def failing_with(state: str) -> str:
    """A statement that the server answers with an error of its own."""
    return f"DO 'BEGIN RAISE EXCEPTION ''forced'' USING ERRCODE = ''{state}''; END'"
