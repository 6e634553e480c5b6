"""Questions about what is to go: runs with what only they have, and the objects left by it."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    Executable,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from tidemill.core.run import Phase, RunId, TaskId
from tidemill.kit.db import AnyRow, Snapshot, Transaction, upsert
from tidemill.services.runservice.store.artifact_tables import artifact_sets, artifacts
from tidemill.services.runservice.store.removal_tables import doomed_groups, doomed_objects, doomed_tasks
from tidemill.services.runservice.store.reports import reports
from tidemill.services.runservice.store.runs import lock
from tidemill.services.runservice.store.tables import caches, log_parts, logs, plans, runs, tasks, workspaces

#: Rows that go at once; of those that are large, fewer.
_AT_ONCE = 200
_LARGE_AT_ONCE = 50

_these: BindParameter[Any] = bindparam("these", expanding=True)
_other = tasks.alias("other")
_place = select(runs.c.sequence, runs.c.plan_id, runs.c.phase)
_by_sequence = _place.where(runs.c.sequence.in_(_these))
_by_id = _place.where(runs.c.id == bindparam("this"))
_of_plans = select(runs.c.sequence).where(runs.c.plan_id.in_(_these))
_doom_tasks = insert(doomed_tasks).from_select(
    ["task"],
    select(tasks.c.id)
    .where(tasks.c.run.in_(_these), ~exists().where(_other.c.id == tasks.c.id, _other.c.run.not_in(_these)))
    .distinct(),
)
_drop_tasks = delete(tasks).where(tasks.c.run.in_(_these))
_drop_runs = delete(runs).where(runs.c.sequence.in_(_these))
_drop_plans = delete(plans).where(plans.c.id.in_(_these), ~exists().where(runs.c.plan_id == plans.c.id))
_FOLDERS = {"logs", "archives", "artifacts"}


class Place(msgspec.Struct, frozen=True):
    """Where a run stands, as far as its removal needs it."""

    sequence: int
    plan_id: str | None
    is_final: bool


async def find(tx: Snapshot, run: RunId) -> Place | None:
    """A run by its id."""
    row = await tx.one(_by_id, {"this": run})
    return None if row is None else _found(row)


async def remove_runs(tx: Transaction, sequences: Collection[int]) -> int:
    """Remove those runs that are over, and doom what no other run has; answers how many there were.

    Runs that share tasks share their plan, and are locked together, so that of two removals the
    second sees what the first has left.
    """
    seen = [_found(row) for row in await tx.all(_by_sequence, {"these": sequences})]
    families = await tx.all(_of_plans, {"these": {one.plan_id for one in seen if one.plan_id}})
    await lock(tx, {one.sequence for one in seen} | {row.sequence for row in families})
    places = [_found(row) for row in await tx.all(_by_sequence, {"these": sequences})]
    over = {one.sequence for one in places if one.is_final}
    if not over:
        return 0
    for statement in (_doom_tasks, _drop_tasks, _drop_runs):
        await tx.run(statement, {"these": over})
    await tx.run(_drop_plans, {"these": {one.plan_id for one in places if one.plan_id}})
    return len(over)


def _found(row: AnyRow) -> Place:
    return Place(row.sequence, row.plan_id, Phase(row.phase).is_final)


async def doom_objects(tx: Transaction, names: Iterable[str], due_at: datetime) -> None:
    """Note objects that are to be removed from *due_at* on."""
    new = [{"name": name, "due_at": due_at} for name in names]
    if new:
        await tx.run(_note_object(tx.dialect), new)


@cache
def _note_object(dialect: str) -> Executable:
    return upsert(dialect, doomed_objects).on_conflict_do_nothing()


async def due_objects(tx: Snapshot, now: datetime, limit: int, passed_over: Collection[str]) -> list[str]:
    """Objects that are to be removed now."""
    query = select(doomed_objects.c.name).where(doomed_objects.c.due_at <= now)
    if passed_over:
        query = query.where(doomed_objects.c.name.not_in(passed_over))
    return [row.name for row in await tx.all(query.order_by(doomed_objects.c.due_at).limit(limit))]


async def forget_objects(tx: Transaction, names: Collection[str]) -> None:
    """These are gone, or are needed after all."""
    await tx.run(delete(doomed_objects).where(doomed_objects.c.name.in_(names)))


async def doomed(tx: Snapshot, names: Collection[str]) -> set[str]:
    """Those of *names* that are to be removed already."""
    found = await tx.all(select(doomed_objects.c.name).where(doomed_objects.c.name.in_(names)))
    return {row.name for row in found}


async def needed(tx: Snapshot, names: Collection[str]) -> set[str]:
    """Those of *names* that a row refers to, and all that are not named as ours are."""
    ours = [name.split("/") for name in names]
    found = {"/".join(parts) for parts in ours if parts[0] not in _FOLDERS or len(parts) < 2}
    of_tasks = {parts[1] for parts in ours if parts[0] == "logs" and len(parts) > 1}
    for table in (logs, log_parts):
        query = select(table.c.object).where(table.c.task.in_(of_tasks), table.c.object.is_not(None))
        found |= {row.object for row in await tx.all(query)} if of_tasks else set()
    archives = {parts[1] for parts in ours if parts[0] == "archives" and len(parts) > 1}
    for table, still in ((workspaces, workspaces.c.expired_at.is_(None)), (caches, literal(True))):
        found |= {f"archives/{one}" for one in await _ids(tx, table, archives, still)}
    sets = {parts[1] for parts in ours if parts[0] == "artifacts" and len(parts) > 1}
    return found | {f"artifacts/{one}" for one in await _ids(tx, artifact_sets, sets, literal(True))}


async def _ids(tx: Snapshot, table: Table, ids: Collection[str], still: ColumnElement[bool]) -> list[str]:
    if not ids:
        return []
    return [row.id for row in await tx.all(select(table.c.id).where(table.c.id.in_(ids), still))]


async def clear_tasks(tx: Transaction, now: datetime) -> bool:
    """Remove some of what doomed tasks have kept; whether there may be more."""
    found = await tx.all(select(doomed_tasks.c.task).order_by(doomed_tasks.c.task).limit(50))
    ids = [TaskId(row.task) for row in found]
    if not ids:
        return False
    if await _clear_logs(tx, ids, now) and await _clear_kept(tx, ids, now):
        await tx.run(delete(doomed_tasks).where(doomed_tasks.c.task.in_(ids)))
    return True


async def _clear_logs(tx: Transaction, ids: Collection[TaskId], now: datetime) -> bool:
    """Remove some rows of their logs; True when none is left."""
    if not await remove_parts(tx, log_parts.c.task.in_(ids), now):
        return False
    whole = await _take(tx, logs, logs.c.task.in_(ids), logs.c.object)
    await doom_objects(tx, (row.object for row in whole if row.object), now)
    return len(whole) < _AT_ONCE


async def remove_parts(tx: Transaction, where: ColumnElement[bool], now: datetime) -> bool:
    """Remove some parts of logs; True when none is left."""
    parts = await _take(tx, log_parts, where, log_parts.c.object, limit=_LARGE_AT_ONCE)
    await doom_objects(tx, (row.object for row in parts if row.object), now)
    return len(parts) < _LARGE_AT_ONCE


async def _clear_kept(tx: Transaction, ids: Collection[TaskId], now: datetime) -> bool:
    """Remove some rows of their archives, artifacts and reports; True when none is left."""
    kept = await _take(tx, workspaces, workspaces.c.task.in_(ids), workspaces.c.id, workspaces.c.expired_at)
    await doom_objects(tx, (f"archives/{row.id}" for row in kept if row.expired_at is None), now)
    sets = await tx.all(select(artifact_sets.c.id).where(artifact_sets.c.task.in_(ids)).limit(_AT_ONCE))
    names = [row.id for row in sets]
    if len(kept) == _AT_ONCE or (
        names and len(await _take(tx, artifacts, artifacts.c.set.in_(names))) == _AT_ONCE
    ):
        return False
    await doom_objects(tx, (f"artifacts/{name}" for name in names), now)
    await tx.run(delete(artifact_sets).where(artifact_sets.c.id.in_(names)))
    told = await _take(tx, reports, reports.c.task.in_(ids), limit=_LARGE_AT_ONCE)
    return len(names) < _AT_ONCE and len(told) < _LARGE_AT_ONCE


async def _take(
    tx: Transaction,
    table: Table,
    where: ColumnElement[bool],
    *columns: ColumnElement[object],
    limit: int = _AT_ONCE,
) -> list[AnyRow]:
    """Remove up to *limit* rows; answers *columns* of them beside their key."""
    key = list(table.primary_key.columns)
    found = await tx.all(select(*key, *columns).where(where).limit(limit))
    this = and_(*(column == bindparam(f"key_{column.name}") for column in key))
    keys = [{f"key_{column.name}": getattr(row, column.name) for column in key} for row in found]
    await tx.run(delete(table).where(this), keys)
    return found


async def doom_group(tx: Transaction, path: str) -> None:
    """Runs below a group go as soon as they are over."""
    await tx.insert_new(doomed_groups, {"path": path})


async def groups_to_go(tx: Snapshot) -> list[str]:
    """Groups that are wanted no more."""
    return [row.path for row in await tx.all(select(doomed_groups.c.path).order_by(doomed_groups.c.path))]


async def forget_group(tx: Transaction, path: str) -> None:
    """Nothing is left of it."""
    await tx.run(delete(doomed_groups).where(doomed_groups.c.path == path))


async def expire_workspaces(tx: Transaction, task: TaskId, before: datetime, now: datetime) -> int:
    """Let go of a task's archives when all runs that have it were over *before*; answers how many."""
    of_task = select(tasks.c.run).where(tasks.c.id == task)
    await lock(tx, {row.run for row in await tx.all(of_task)})
    states = await tx.all(
        select(runs.c.phase, runs.c.ended_at, runs.c.created_at).where(runs.c.sequence.in_(of_task))
    )
    for row in states:
        if not Phase(row.phase).is_final or (row.ended_at or row.created_at) >= before:
            return 0
    still = (workspaces.c.task == task) & workspaces.c.expired_at.is_(None)
    kept = await tx.all(select(workspaces.c.id).where(still))
    await doom_objects(tx, (f"archives/{row.id}" for row in kept), now)
    return await tx.run(update(workspaces).where(still).values(expired_at=now))
