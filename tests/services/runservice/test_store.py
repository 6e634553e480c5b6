"""The store: its tables are what the migrations make, and its questions walk along indexes."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from tests.conftest import Clock
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import GROUP, Player, create, plan, started, task
from tidemill.contracts.runservice import Restart, RunQuery
from tidemill.core.job import Outcome
from tidemill.core.run import Run, TaskId
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.groups import counter_path
from tidemill.services.runservice.store.tables import metadata
from tidemill.settings import RunserviceSettings
from tidemill.settings.retention import RetentionSettings

pytestmark = pytest.mark.anyio

MIGRATIONS = "tidemill.services.runservice.migrations"
#: Tables that grow with the number of runs, and the indexes that only hold what is in flight.
LARGE = {"runs", "tasks", "plans", "creations", "jobs", "logs", "log_parts", "groups", "counters"} | {
    "workspaces",
    "artifact_sets",
    "artifacts",
    "reports",
    "doomed_objects",
}
SHORT = {"jobs_queued", "runs_open", "logs_growing", "ix_jobs_executor"}


@pytest.fixture
async def path(tmp_path: Path, anyio_backend: str) -> Path:
    """A SQLite file with the schema that the migrations make."""
    file = tmp_path / "runservice.db"
    await (await Database.open(f"sqlite:///{file}", name="runservice", migrations=MIGRATIONS)).close()
    return file


def schema(connection: sqlite3.Connection) -> dict[str, Any]:
    """Columns and constraints by table, and indexes, of every table of the service."""
    found: dict[str, Any] = {}
    for table in sorted(metadata.tables):
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        keys = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        references = sorted(key[1:] for key in keys)  # the first is a number by age
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,)
        ).fetchall()
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        checks = sorted(re.findall(r"CHECK \((.*)\)", sql))
        found[table] = (columns, sorted(references), sorted(indexes, key=str), checks)
    return found


async def test_the_migrations_make_the_tables(path: Path, tmp_path: Path) -> None:
    """Columns, keys, references, checks and indexes are those of store/tables.py."""
    metadata.create_all(create_engine(f"sqlite:///{tmp_path / 'declared.db'}"))
    with sqlite3.connect(path) as migrated, sqlite3.connect(tmp_path / "declared.db") as declared:
        assert schema(migrated) == schema(declared)
    migrated.close()
    declared.close()


@pytest.fixture
def statements() -> Iterator[dict[str, Any]]:
    """Every statement executed, with some parameters of it."""
    seen: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _ctx: Any, many: bool) -> None:
        seen[statement] = parameters[0] if many else parameters

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def a_life(service: RunserviceService, clock: Clock) -> None:
    """All that happens to runs, once."""
    run = await started(service, task("a"), task("b", "a"))
    player = Player(service)
    (job,) = await player.take()
    for data in (b"some bytes", b"and more"):
        await service.append_log(job, 1, 0, (await service.log_end(job, 1, 0)).length, data)
    await player.finish(job, Outcome.FAILED)
    await service.restart_run(run.id, Restart(from_start=False))
    (running, _) = await create(service, plan(), plan(), group="/project/p2/branch/x")
    for query in (
        RunQuery(group="/project/p1"),
        RunQuery(group="/project/p1/branch"),
        RunQuery(group=GROUP, after=7),
        RunQuery(group="/project/p1", phases=("finished",), results=("failed",), ascending=True),
        RunQuery(phases=("queued",)),
    ):
        await service.runs(query)
    await service.numbered_run(running.number, "/project/p2")
    await service.queued_groups()
    for wanted in ({}, {"line": 2}, {"tail": 1}, {"since": 1, "timestamps": True}):
        async for _ in await service.logs.read_log(TaskId(job), 0, **wanted):
            pass
    await service.logs.log_index(TaskId(job), 0)
    await service.put_logs_away()
    await service.leases.look()
    clock.advance(60)
    await its_end(service, run, clock)


async def its_end(service: RunserviceService, run: Run, clock: Clock) -> None:
    """All that removes runs and what they have kept, once."""
    retention, group = service.retention, counter_path(GROUP)
    await retention.storage.delete_log(run.id, run.tasks[0].id, 0)
    await retention.storage.delete_run(run.id)
    await retention.storage.caches(group, '["a","b"]')
    await retention.storage.usage(group)
    await retention.storage.delete_caches(group)
    await service.cancel_run((await create(service, plan()))[0].id)
    clock.advance(2 * 365 * 86_400)
    await retention.storage.delete_group("/project/p2")
    await retention.expire()
    await retention.clearing.work()
    await retention.look_through()


async def test_no_question_walks_through_a_large_table(
    path: Path, tmp_path: Path, clock: Clock, statements: dict[str, Any]
) -> None:
    """SQLite's plan of each statement in a run's life searches, or scans only what is in flight."""
    db = await Database.open(f"sqlite:///{path}", name="runservice", migrations=MIGRATIONS)
    service = RunserviceService(
        RunserviceSettings(retention=RetentionSettings(runs_least=1, runs_most=1, logs=1)),
        db,
        Objects.open((tmp_path / "objects").as_uri()),
        Bells(),
        KnownValues(),
        clock=clock,
        new_id=lambda: str(uuid4()),
    )
    statements.clear()
    await a_life(service, clock)
    await db.close()
    assert len(statements) > 30
    connection = sqlite3.connect(path)
    walks = []
    for statement, parameters in statements.items():
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters):
            scanned = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
            if scanned and scanned[1] in LARGE and scanned[2] not in SHORT:
                walks.append((step, statement))
    connection.close()
    assert walks == []
