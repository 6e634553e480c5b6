"""Databases of every revision there ever was: brought up, they are read and worked on as before.

A service of today makes the data; as much of it as an older schema can hold is put into a database of
that schema, which is then opened. A migration that loses, mixes up or refuses rows fails here.
"""

import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Boolean, LargeBinary

from tests.conftest import Clock, OpenDatabase
from tests.services.older import Rows, dump, fill, migrations_until
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import Player, create, now, plan, start, started, statuses, task
from tidemill.contracts.runservice import Restart, RunQuery
from tidemill.core.job import JobId, JobPhase, JobReport, Outcome
from tidemill.core.plan import RestoreWorkspace, RunStep, SaveToWorkspace
from tidemill.core.run import Result, Run, RunId, StepState, TaskId
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Instant
from tidemill.kit.db.migrating import revisions
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService, migrations
from tidemill.services.runservice.store.tables import metadata
from tidemill.settings import RunserviceSettings

pytestmark = pytest.mark.anyio

MIGRATIONS = "tidemill.services.runservice.migrations"
REVISIONS = revisions(MIGRATIONS)
VECTORS = Path(__file__).parents[2] / "vectors" / "runservice"
LINE = b"a line of a log\n"
OTHER = "/project/p1/branch/other"


class Before:
    """What was there before: runs as they were shown, logs as they were read, an executor that goes on."""

    def __init__(self) -> None:
        self.runs: dict[RunId, Run] = {}
        self.logs: dict[TaskId, bytes] = {}
        self.player: Player


@pytest.fixture
def make(objects: Objects, clock: Clock) -> Callable[[Database], RunserviceService]:
    """Makes a service on a database."""

    def made(db: Database) -> RunserviceService:
        return RunserviceService(
            RunserviceSettings(executor_lease=60, executor_grace=15),
            db,
            objects,
            Bells(),
            KnownValues(),
            clock=clock,
            new_id=lambda: str(uuid4()),
        )

    return made


@pytest.fixture
def open_older(
    open_database: OpenDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Awaitable[Database]]:
    """Opens the database of this test at an older revision."""
    package = tmp_path / "older_migrations"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    async def open_(revision: str) -> Database:
        migrations_until(migrations, REVISIONS, revision, package)
        return await open_database("runservice", package.name)

    return open_


async def bytes_of(log: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in log])


async def kept() -> AsyncIterator[bytes]:
    yield b"an archive"


async def at_work(player: Player) -> list[JobId]:
    """The jobs that are at work once all that may start has started."""
    for _ in range(3):
        await player.sync()
    return list(player.reports)


async def live(service: RunserviceService, clock: Clock) -> Before:
    """Runs in every phase, logs in every form, jobs that are queued and at work."""
    before, player = Before(), Player(service)
    before.player = player
    step = RunStep(name="step", command="true")
    saving = task("build", steps=(step, SaveToWorkspace()))
    done = await started(service, saving, task("unit", "build", level=1, steps=(step, RestoreWorkspace())))
    for _ in done.tasks:
        for job in await at_work(player):
            await service.append_log(job, 1, 0, 0, LINE * 100_000)
            if player.specs[job].task.name == "build":
                await service.save_workspace(job, 1, 1, kept())
            await player.finish(job)
    failed = await started(service, task("good"), task("bad"), task("after", "bad"))
    for job in await at_work(player):
        await service.append_log(job, 1, 0, 0, LINE)
        is_good = player.specs[job].task.name == "good"
        await player.finish(job, Outcome.SUCCESS if is_good else Outcome.FAILED)
    await service.put_logs_away()
    running = await started(service, task("first"), task("second"), task("third", "first", "second"))
    player.slots = 1
    (job,) = await at_work(player)
    await service.append_log(job, 1, 0, 0, LINE)
    queued, cancelled = await create(service, plan(), plan(), group=OTHER)
    await service.cancel_run(cancelled.id, "cancelled by bob")
    for run in (done, failed, running, queued, cancelled):
        before.runs[run.id] = await now(service, run)
    for run_task in [one for run in (done, failed, running) for one in before.runs[run.id].tasks]:
        if run_task.started_at is not None:
            before.logs[run_task.id] = await bytes_of(await service.logs.read_log(run_task.id, 0))
    clock.now += timedelta(seconds=1)
    return before


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_a_database_of_an_older_revision(
    revision: str,
    open_older: Callable[[str], Awaitable[Database]],
    open_database: OpenDatabase,
    make: Callable[[Database], RunserviceService],
    clock: Clock,
    tmp_path: Path,
) -> None:
    """Runs, logs, jobs and archives are those that were there, and everything goes on to its end."""
    source = await Database.open(
        f"sqlite:///{tmp_path / 'source.db'}", name="runservice", migrations=MIGRATIONS
    )
    try:
        before = await live(make(source), clock)
        rows = await dump(source, metadata)
    finally:
        await source.close()
    older = await open_older(revision)
    await fill(older, metadata, rows)
    await older.close()
    service = make(await open_database("runservice", MIGRATIONS))
    await check_reading(service, before)
    await check_going_on(service, before, has_archives=revision >= "2026_11_25")


async def check_reading(service: RunserviceService, before: Before) -> None:
    """Each run is as it was, in lists too, and each log byte for byte."""
    for run_id, was in before.runs.items():
        detail = await service.run(run_id)
        assert detail.run == was
        assert detail.plan is not None
        assert [one.name for one in detail.plan.tasks] == [one.name for one in was.tasks]
    listed = (await service.runs(RunQuery(group="/project/p1", ascending=True))).items
    assert [(run.number, run.id) for run in listed] == [(run.number, run.id) for run in before.runs.values()]
    for task_id, log in before.logs.items():
        assert await bytes_of(await service.logs.read_log(task_id, 0)) == log


async def check_going_on(service: RunserviceService, before: Before, *, has_archives: bool) -> None:
    """The executor goes on with its job, others follow; restarts share what there is; numbers go on."""
    done, failed, running, queued, _ = before.runs.values()
    player = replace_jobs(before.player, service)
    (job,) = player.reports
    await service.append_log(job, 1, 0, len(LINE), LINE)
    await player.finish(job)
    assert await bytes_of(await service.logs.read_log(TaskId(job), 0)) == LINE * 2
    await player.work_off()
    assert (await now(service, running)).result is Result.SUCCESS
    again = await service.restart_run(failed.id, Restart(from_start=False))
    assert statuses(again) == {"good": "success", "bad": "notstarted", "after": "notstarted"}
    assert again.number == len(before.runs) + 1
    assert await bytes_of(await service.logs.read_log(again.tasks[0].id, 0)) == LINE
    await start(service, again.id)
    await start(service, queued.id, OTHER)
    await player.work_off()
    for run in (again, queued):
        assert (await now(service, run)).result is Result.SUCCESS
    chosen = await service.restart_run(done.id, Restart(from_start=False, tasks=("unit",)))
    assert statuses(chosen)["build"] == ("success" if has_archives else "notstarted")
    await service.put_logs_away()
    assert await bytes_of(await service.logs.read_log(TaskId(job), 0)) == LINE * 2


async def test_rows_that_an_older_version_has_written(
    open_older: Callable[[str], Awaitable[Database]],
    open_database: OpenDatabase,
    make: Callable[[Database], RunserviceService],
) -> None:
    """Runs and plans in the words of their time, when there were no attempts: all of it is understood."""
    older = await open_older("2026_11_25_archives")
    rows = written("2026_11_25_archives")
    rows["executors"][0]["sequence"] = 0  # the one that goes on here counts its syncs anew
    await fill(older, metadata, rows)
    await older.close()
    service = make(await open_database("runservice", MIGRATIONS))
    runs = (await service.runs(RunQuery(group="/project/p1", ascending=True))).items
    assert [(run.number, run.phase, run.result) for run in runs] == [
        (1, "finished", "success"),
        (2, "finished", "failed"),
        (3, "running", "unknown"),
        (4, "queued", "unknown"),
        (5, "cancelled", "unknown"),
    ]
    said = [(await service.explain_run(run.id)).run.sentence for run in runs]
    assert said[1] == "failed: `bad` failed at step 1"
    assert said[4] == "cancelled by bob"
    for task_id in ("id-2", "id-6", "id-10"):
        assert await bytes_of(await service.logs.read_log(TaskId(task_id), 0)) == LINE
    player = Player(service)
    job = JobReport(id=JobId("id-10"), generation=1, phase=JobPhase.RUNNING, steps=(StepState(),))
    player.reports[job.id] = job
    await service.append_log(job.id, 1, 0, len(LINE), LINE)
    await player.finish(job.id)
    (waiting,) = [one.id for one in (await now(service, runs[2])).tasks if one.waiting_approval]
    await service.approve_task(runs[2].id, waiting, "ann")
    await player.work_off()
    assert (await now(service, runs[2])).result is Result.SUCCESS
    again = await service.restart_run(runs[0].id, Restart(from_start=False, tasks=("unit",)))
    assert (again.number, statuses(again)) == (6, {"build": "success", "unit": "notstarted"})


def written(revision: str) -> Rows:
    """The rows of a database as a version with that revision has left them."""
    stored = json.loads((VECTORS / f"{revision}.json").read_text())
    types = {table.name: {one.name: one.type for one in table.columns} for table in metadata.sorted_tables}
    return defaultdict(list) | {
        table: [{name: _value(types[table].get(name), row[name]) for name in row} for row in rows]
        for table, rows in stored.items()
    }


def _value(kind: object, value: Any) -> Any:
    """What a column of such a type is given, from what stands in the file."""
    if value is None:
        return None
    if isinstance(value, dict):
        return b64decode(value["base64"])
    if isinstance(kind, Instant):
        return datetime.fromtimestamp(value / 1_000_000, UTC)
    if isinstance(kind, Boolean):
        return bool(value)
    return value.encode() if isinstance(kind, LargeBinary) else value


def replace_jobs(player: Player, service: RunserviceService) -> Player:
    """The executor after the server has been replaced under it."""
    player.jobs = service
    return player
