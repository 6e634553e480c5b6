"""What must hold of the runservice's data after any fault: one check for all tests of faults.

It looks at what is stored with questions of its own, as an auditor would: run against task, against job,
against log, against feed.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import msgspec
import sqlalchemy as sa

from tidemill.core.plan import Plan
from tidemill.core.run import RunTask, Status, StepPhase
from tidemill.errors import NotFound
from tidemill.kit.db import Database, Snapshot
from tidemill.kit.objects import Objects

MIGRATIONS = "tidemill.services.runservice.migrations"

FINAL = {"setuperror", "cancelled", "finished"}


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the runservice that is looked at."""

    runs: list[Any]
    plans: dict[str, Plan]
    tasks: dict[int, list[RunTask]]
    jobs: list[Any]
    logs: list[Any]
    parts: dict[tuple[str, int, int], list[Any]]
    events: list[Any]
    last_event: int


async def check(database: Database, objects: Objects | None = None, *, is_over: bool = True) -> None:
    """No contradiction in what is stored; if it *is_over*, nothing is left undone either.

    With *objects* every byte of every log is read.
    """
    stored = await database.read(_everything, timeout=60)
    complaints = [*_runs(stored), *_attempts(stored), *_jobs(stored), *_logs(stored), *_feed(stored)]
    if is_over:
        complaints += _ends(stored)
    if objects is not None:
        complaints += [line async for line in _objects(stored, objects) if line]
    assert not complaints, "\n".join(complaints)


async def check_at(url: str, objects: Objects | None = None, *, is_over: bool = True) -> None:
    """The same for a database at *url* that is not open yet."""
    database = await Database.open(url, name="runservice", migrations=MIGRATIONS)
    try:
        await check(database, objects, is_over=is_over)
    finally:
        await database.close()


async def _everything(tx: Snapshot) -> Stored:
    tasks: dict[int, list[RunTask]] = defaultdict(list)
    for row in await tx.all(sa.text("SELECT run, state FROM tasks ORDER BY run, position")):
        tasks[row.run].append(msgspec.json.decode(row.state, type=RunTask))
    parts: dict[tuple[str, int, int], list[Any]] = defaultdict(list)
    query = "SELECT task, attempt, step, start, length, object, data FROM log_parts ORDER BY start"
    for row in await tx.all(sa.text(query)):
        parts[row.task, row.attempt, row.step].append(row)
    return Stored(
        runs=await tx.all(sa.text("SELECT * FROM runs ORDER BY sequence")),
        plans={
            row.id: msgspec.json.decode(row.plan, type=Plan)
            for row in await tx.all(sa.text("SELECT id, plan FROM plans"))
        },
        tasks=tasks,
        jobs=await tx.all(sa.text("SELECT * FROM jobs")),
        logs=await tx.all(sa.text("SELECT task, attempt, step, length, object, blocks FROM logs")),
        parts=parts,
        events=await tx.all(
            sa.text("SELECT sequence, kind, key, payload FROM tidemill_events ORDER BY sequence")
        ),
        last_event=await tx.value(sa.text("SELECT last FROM tidemill_feed")),
    )


def _runs(stored: Stored) -> Iterator[str]:
    """Numbers without gaps, one running run a group, tasks that fit the phase of their run."""
    numbers = defaultdict(list)
    running: Counter[str] = Counter()
    for run in stored.runs:
        numbers[run.counter_path].append(run.number)
        running[run.group_path] += run.phase == "running"
        statuses = {task.status for task in stored.tasks[run.sequence]}
        is_begun = run.phase in FINAL - {"cancelled"}  # a cancelled run's tasks stay as they were
        if is_begun and any(not status.is_final for status in statuses):
            yield f"run {run.number} of {run.group_path} is {run.phase} with tasks {sorted(statuses)}"
        if run.phase in ("queued", "cancelled") and statuses - {
            Status.NOT_STARTED,
            Status.SKIPPED,
            Status.SUCCESS,
        }:
            yield f"run {run.number} of {run.group_path} is {run.phase} with tasks {sorted(statuses)}"
        if (
            run.result == "success"
            and statuses - {Status.SUCCESS, Status.SKIPPED}
            and not _forgiven(stored, run)
        ):
            yield f"run {run.number} of {run.group_path} is a success with tasks {sorted(statuses)}"
        if run.phase == "finished" and (run.result == "unknown" or run.ended_at is None):
            yield f"run {run.number} of {run.group_path} is finished without result or end"
    for path, given in numbers.items():
        if given != list(range(1, len(given) + 1)):
            yield f"runs of {path} are numbered {given}"
    yield from (f"{count} runs of {group} are running" for group, count in running.items() if count > 1)


def _forgiven(stored: Stored, run: Any) -> bool:
    """Whether every task that is no success was allowed to fail."""
    may_fail = {task.name: task.ignore_failure for task in stored.plans[run.plan_id].tasks}
    ends = {Status.SUCCESS, Status.SKIPPED}
    return all(task.status in ends or may_fail[task.name] for task in stored.tasks[run.sequence])


def _attempts(stored: Stored) -> Iterator[str]:
    """A task is tried again only as often as its plan allows, and attempts follow each other in time."""
    for run in stored.runs:
        for task in stored.tasks[run.sequence]:
            plan = stored.plans[run.plan_id].task(task.name)
            allowed = plan.retry.attempts
            if [past.number for past in task.past] != list(range(1, task.attempt)) or task.attempt > allowed:
                yield f"task {task.name} of run {run.number} is at {task.attempt} of {allowed} attempts"
            times = [time for past in task.past for time in (past.started_at, past.ended_at) if time]
            times += [time for time in (task.started_at, task.ended_at) if time]
            if times != sorted(times):
                yield f"task {task.name} of run {run.number} has attempts that overlap: {times}"


def _jobs(stored: Stored) -> Iterator[str]:
    """A live job belongs to a task that is not over, of a run that is running; a running task has one."""
    runs = {run.sequence: run for run in stored.runs}
    with_job = set()
    for job in stored.jobs:
        run = runs[job.run]
        task = stored.tasks[job.run][job.position]
        with_job.add(task.id)
        if run.phase != "running" or task.status.is_final or task.id != job.id:
            yield f"job {job.id} of run {run.number} ({run.phase}) is live, its task {task.status}"
    for sequence, tasks in stored.tasks.items():
        for task in tasks:
            if task.status is Status.RUNNING and task.id not in with_job:
                yield f"task {task.name} of run {runs[sequence].number} is running without a job"


def _logs(stored: Stored) -> Iterator[str]:
    """The parts of a log follow each other, and add up to what was acknowledged."""
    for log in stored.logs:
        parts = stored.parts[log.task, log.attempt, log.step]
        if log.object is not None:
            continue
        end = 0
        for part in parts:
            if part.start != end:
                yield f"log {log.task}/{log.attempt}/{log.step} has a part at {part.start}, the one before ends at {end}"
            if part.data is not None and len(part.data) != part.length:
                yield f"log {log.task}/{log.attempt}/{log.step} says {part.length} bytes at {part.start}"
            end = part.start + part.length
        if end != log.length:
            yield f"log {log.task}/{log.attempt}/{log.step} has {end} of {log.length} bytes"


def _feed(stored: Stored) -> Iterator[str]:
    """The feed has no gap, and its last word on a run is what the run is."""
    sequences = [event.sequence for event in stored.events]
    if sequences != list(range(1, stored.last_event + 1)):
        yield f"the feed has {len(sequences)} events and counts {stored.last_event}"
    told = {event.key: msgspec.json.decode(event.payload) for event in stored.events if event.kind == "run"}
    for run in stored.runs:
        last = told.get(run.id, {})
        if (last.get("phase"), last.get("result", "unknown")) != (run.phase, run.result):
            yield f"run {run.number} of {run.group_path} is {run.phase} {run.result}, the feed says {last}"


def _ends(stored: Stored) -> Iterator[str]:
    """Everything is over: runs, jobs, the steps of tasks that ran."""
    yield from (f"run {run.number} is {run.phase}" for run in stored.runs if run.phase not in FINAL)
    yield from (f"job {job.id} is left" for job in stored.jobs)
    for tasks in stored.tasks.values():
        for task in tasks:
            steps = {step.phase for step in task.steps}
            if task.status is Status.SUCCESS and steps - {
                StepPhase.SUCCESS,
                StepPhase.SKIPPED,
                StepPhase.FAILED,
            }:
                yield f"task {task.name} is a success with steps {sorted(steps)}"
            if task.status.is_final and StepPhase.RUNNING in steps:
                yield f"task {task.name} is {task.status} with a running step"


async def _objects(stored: Stored, objects: Objects) -> AsyncIterator[str]:
    """Every object that a log refers to is there, and holds as many bytes as the log has in it."""
    for log in stored.logs:
        if log.object is not None:
            sizes = msgspec.json.decode(log.blocks)["sizes"]
            yield await _fault(objects, log.object, log.length, sizes)
    for parts in stored.parts.values():
        for part in parts:
            if part.object is not None:
                yield await _fault(objects, part.object, part.length)


async def _fault(objects: Objects, name: str, length: int, sizes: Sequence[int] = ()) -> str:
    """What is wrong with an object that is to hold so many plain bytes, in compressed blocks of these *sizes*."""
    try:
        data = b"".join([chunk async for chunk in await objects.get(name)])
    except NotFound:
        return f"the object {name} is gone"
    if sizes and len(data) == sum(sizes):
        ends = list(accumulate(sizes, initial=0))
        data = b"".join(zlib.decompress(data[start:end]) for start, end in pairwise(ends))
    return "" if len(data) == length else f"the object {name} has {len(data)} of {length} bytes"
