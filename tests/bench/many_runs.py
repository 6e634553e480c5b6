"""The runservice with many runs: claims from a long queue, lists of a long history, one sync."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import text

from tests.bench.figures import Figure, met, milliseconds, quantile
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import Player, create, plan, started
from tidemill.contracts.runservice import RunQuery
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.settings import RunserviceSettings

STORED = 1_000_000
QUEUED = 50_000
CLAIMS = 100
READS = 200
BRANCHES = 50
COUNTER = "/project/many"
FIRST = 1000


def measure(directory: Path) -> Iterator[Figure]:
    """All figures, on SQLite."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    yield from asyncio.run(_measure(directory))


async def _measure(directory: Path) -> list[Figure]:
    async with _serving(directory) as (service, db):
        ends = await _ends(service)
        await _fill(service, db)
    await asyncio.to_thread(os.sync)  # what the filling has left to write is not the next one's to wait for
    async with _serving(directory) as (service, _):
        return [ends, await _claims(service), *[figure async for figure in _lists(service)]]


@asynccontextmanager
async def _serving(directory: Path) -> AsyncIterator[tuple[RunserviceService, Database]]:
    db = await Database.open(
        f"sqlite:///{directory}/many.db",
        name="runservice",
        migrations="tidemill.services.runservice.migrations",
    )
    service = RunserviceService(
        RunserviceSettings(),
        db,
        Objects.open((directory / "objects").as_uri()),
        Bells(),
        KnownValues(),
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
    )
    try:
        yield service, db
    finally:
        await service.close()
        await db.close()


async def _ends(service: RunserviceService) -> Figure:
    """A sync that tells of one end: recorded, run finished, feed told, committed."""
    seconds = []
    for i in range(CLAIMS):
        await started(service, group=f"/project/few/branch/b{i}")
        player = Player(service, id=f"few-{i}", slots=1)
        (job,) = await player.take()
        player.end(job)
        seconds.append(await _timed(player.sync))
    return Figure("sync with the end of a run", milliseconds(seconds))


async def _claims(service: RunserviceService) -> Figure:
    seconds = []
    for i in range(CLAIMS):
        player = Player(service, id=f"many-{i}", slots=4)
        seconds.append(await _timed(player.sync))
        assert len(player.reports) == 4
    p99 = quantile(seconds, 0.99)
    return Figure(
        f"claim of 4 from {QUEUED:,} queued",
        milliseconds(seconds),
        budget="20 ms p99",
        verdict=met(p99, 0.020),
    )


async def _lists(service: RunserviceService) -> Any:
    for what, query in {
        "of a project": RunQuery(group=COUNTER),
        "from the middle": RunQuery(group=COUNTER, after=STORED // 2),
        "of a branch": RunQuery(group=f"{COUNTER}/branch/b7"),
        "that failed": RunQuery(group=COUNTER, results=("failed",)),
        "that were cancelled (none)": RunQuery(group=COUNTER, phases=("cancelled",)),
    }.items():
        seconds = [await _timed(lambda query=query: service.runs(query)) for _ in range(READS)]
        yield Figure(
            f"30 of {STORED:,} runs {what}",
            milliseconds(seconds),
            budget="30 ms p99",
            verdict=met(quantile(seconds, 0.99), 0.030),
        )


async def _timed(call: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


async def _fill(service: RunserviceService, db: Database) -> None:
    """A long history, and the newest of it a long queue of jobs; made inside the database, as it is quick."""
    (pattern,) = await create(service, plan(), group=f"{COUNTER}/branch/b0")
    for i in range(1, BRANCHES):
        await create(service, group=f"{COUNTER}/branch/b{i}")
    values = {"first": FIRST, "count": STORED, "queued": QUEUED, "branches": BRANCHES, "counter": COUNTER}
    values |= {"plan": pattern.id, "now": int(time.time() * 1e6), "message": "x" * 200}

    async def fill(tx: Transaction) -> None:
        for statement in (_RUNS, _TASKS, _DEMANDS, _JOBS):
            names = statement.compile().params
            await tx.run(statement, {name: values[name] for name in names})

    await db.do(fill, timeout=600)


#: Nine of ten have succeeded, and most of the others failed, spread over all branches.
_RUNS = text("""
    INSERT INTO runs (sequence, id, name, group_path, counter_path, number, phase, result, stopping, revision,
        plan_id, scope, reason, created_at, started_at, ended_at, annotations)
    WITH RECURSIVE numbers (n) AS (
        SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :first + :count
    )
    SELECT n, lower(hex(randomblob(16))), 'run', :counter || '/branch/b' || n % :branches, :counter, n,
        iif(n < :first + :count - :queued, 'finished', 'running'),
        CASE
            WHEN n >= :first + :count - :queued THEN 'unknown'
            WHEN n * 7919 % 1000 < 900 THEN 'success'
            WHEN n * 7919 % 1000 < 990 THEN 'failed'
            ELSE 'stopped'
        END,
        false, 1, :plan, '', '', :now, :now, iif(n < :first + :count - :queued, :now, NULL),
        CAST(json_object('message', :message) AS BLOB)
    FROM numbers
""")
_TASKS = text("""
    INSERT INTO tasks (run, position, id, state)
    SELECT sequence, 0, id, CAST(json_object('id', id, 'name', 'task', 'steps', json('[{}]')) AS BLOB)
    FROM runs WHERE sequence >= :first
""")
#: One of ten asks for what no executor has: these stand in the way of the others.
_DEMANDS = text("""
    INSERT INTO demands (id, digest, demand, used_at) VALUES
    (1000, 'any', CAST('{"runtime":"host"}' AS BLOB), :now),
    (1001, 'gpu', CAST('{"runtime":"host","labels":{"gpu":""}}' AS BLOB), :now)
""")
_JOBS = text("""
    INSERT INTO jobs (id, run, position, generation, phase, stop, runtime, arch, demand, queued_at)
    SELECT id, sequence, 0, 1, 'queued', false, 'host', '',
        iif(sequence < :first + :count - :queued + :queued / 10, 1001, 1000), :now
    FROM runs WHERE sequence >= :first + :count - :queued
""")
