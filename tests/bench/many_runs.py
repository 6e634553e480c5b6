"""The runservice with many runs: claims from a long queue, lists of a long history, one sync."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import insert

from tests.bench.figures import Figure, met, milliseconds, quantile
from tests.services.runservice.conftest import KnownValues
from tests.services.runservice.playing import Player, create, plan, started
from tidemill.contracts.runservice import RunQuery
from tidemill.core.job import JobPhase
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.store.tables import jobs, runs, tasks
from tidemill.settings import RunserviceSettings

STORED = 200_000
QUEUED = 50_000
CLAIMS = 100
READS = 200
BRANCHES = 50
COUNTER = "/project/many"


def measure(directory: Path) -> Iterator[Figure]:
    """All figures, on SQLite."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    yield from asyncio.run(_measure(directory))


async def _measure(directory: Path) -> list[Figure]:
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
        ends = await _ends(service)
        await _fill(service, db)
        return [ends, await _claims(service), *[figure async for figure in _lists(service)]]
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
        f"claim of 4 from {QUEUED} queued", milliseconds(seconds), budget="20 ms p99", verdict=met(p99, 0.020)
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
            f"30 of {STORED} runs {what}",
            milliseconds(seconds),
            budget="30 ms p99",
            verdict=met(quantile(seconds, 0.99), 0.030),
        )


async def _timed(call: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


async def _fill(service: RunserviceService, db: Database) -> None:
    """A long history, and the newest of it a long queue of jobs."""
    (pattern,) = await create(service, plan(), group=f"{COUNTER}/branch/b0")
    for i in range(1, BRANCHES):
        await create(service, group=f"{COUNTER}/branch/b{i}")
    results = random.Random(1)
    for first in range(1000, 1000 + STORED, 5000):
        batch = [_run(number, pattern.id, results) for number in range(first, first + 5000)]

        async def add(tx: Transaction, batch: list[dict[str, Any]] = batch) -> None:
            await tx.run(insert(runs), batch)
            await tx.run(insert(tasks), [_task(run) for run in batch])
            await tx.run(insert(jobs), [_job(run) for run in batch if run["phase"] == "running"])

        await db.do(add, timeout=60)


def _run(number: int, plan_id: str, results: random.Random) -> dict[str, Any]:
    is_queued = number >= 1000 + STORED - QUEUED
    result = results.choices(("success", "failed", "stopped"), (0.9, 0.09, 0.01))[0]
    now = datetime.now(UTC)
    return {
        "sequence": number,
        "id": str(uuid4()),
        "name": "run",
        "group_path": f"{COUNTER}/branch/b{number % BRANCHES}",
        "counter_path": COUNTER,
        "number": number,
        "phase": "running" if is_queued else "finished",
        "result": "unknown" if is_queued else result,
        "stopping": False,
        "revision": 1,
        "plan_id": plan_id,
        "scope": "",
        "reason": "",
        "created_at": now,
        "started_at": now,
        "ended_at": None if is_queued else now,
        "annotations": b'{"message":"' + b"x" * 200 + b'"}',
    }


def _task(run: dict[str, Any]) -> dict[str, Any]:
    state = f'{{"id":"{run["id"]}","name":"task","steps":[{{}}]}}'.encode()
    return {"run": run["sequence"], "position": 0, "id": run["id"], "state": state}


def _job(run: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": run["id"],
        "run": run["sequence"],
        "position": 0,
        "generation": 1,
        "phase": JobPhase.QUEUED,
        "stop": False,
        "runtime": "host",
        "arch": "",
    }
