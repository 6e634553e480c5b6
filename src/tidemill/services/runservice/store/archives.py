"""Questions about archives: what steps of tasks have kept, and caches by their keys."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Select, delete, insert, select, update

from tidemill.contracts.jobs import Archive
from tidemill.core.run import TaskId
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.runservice.store.tables import caches, runs, tasks, workspaces

#: Uses of a cache within this time count as one.
USED_AGAIN = timedelta(hours=1)
#: Behind every text that begins with a prefix, in the order of bytes.
_LAST = "\U0010ffff"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An object with an archive."""

    id: str
    size: int
    sha256: str
    created_at: datetime


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """What a step of a task has kept."""

    task: TaskId
    step: int
    kept: Kept


async def task_ids(tx: Snapshot, run: int) -> list[TaskId]:
    """The ids of a run's tasks, in the order of its plan."""
    rows = await tx.all(select(tasks.c.id).where(tasks.c.run == run).order_by(tasks.c.position))
    return [row.id for row in rows]


async def counter_path(tx: Snapshot, run: int) -> str:
    """The counter group of a run."""
    return str(await tx.value(select(runs.c.counter_path).where(runs.c.sequence == run)))


async def of_tasks(tx: Snapshot, ids: Collection[TaskId]) -> list[Workspace]:
    """What these tasks have kept, by step."""
    still = workspaces.c.task.in_(ids) & workspaces.c.expired_at.is_(None)
    query = select(workspaces).where(still).order_by(workspaces.c.task, workspaces.c.step)
    return [Workspace(task=row.task, step=row.step, kept=_kept(row)) for row in await tx.all(query)]


async def replace_workspace(tx: Transaction, task: TaskId, step: int, kept: Kept) -> str | None:
    """Keep an archive of a step; answers the id of what it had kept before."""
    where = (workspaces.c.task == task) & (workspaces.c.step == step)
    before: str | None = await tx.value(select(workspaces.c.id).where(where))
    await tx.run(delete(workspaces).where(where))
    await tx.run(insert(workspaces).values(task=task, step=step, **msgspec.structs.asdict(kept)))
    return before


async def find_cache(tx: Snapshot, groups: Sequence[str], key: str) -> Archive | None:
    """The cache of that key in the first of *groups* that has it; else the latest that begins with it."""
    for group in groups:
        if exact := await _first(tx, select(caches).where(caches.c.group_path == group, caches.c.key == key)):
            return exact
    for group in groups:
        begins = (caches.c.key >= key) & (caches.c.key < key + _LAST)
        query = select(caches).where(caches.c.group_path == group, begins)
        if latest := await _first(tx, query.order_by(caches.c.created_at.desc(), caches.c.key).limit(1)):
            return latest
    return None


async def add_cache(tx: Transaction, group: str, key: str, kept: Kept) -> bool:
    """Keep an archive under a key; False when there is one."""
    new = {"group_path": group, "key": key, "used_at": kept.created_at, **msgspec.structs.asdict(kept)}
    return await tx.insert_new(caches, new)


async def is_use_news(tx: Snapshot, id: str, now: datetime) -> bool:
    """Whether a cache's use is to be noted: it was not within the hour."""
    query = select(caches.c.id).where(caches.c.id == id, caches.c.used_at < now - USED_AGAIN)
    return await tx.value(query) is not None


async def use_cache(tx: Transaction, id: str, now: datetime) -> None:
    """Note that a cache is used."""
    await tx.run(update(caches).where(caches.c.id == id, caches.c.used_at < now).values(used_at=now))


async def is_cache(tx: Snapshot, groups: Collection[str], id: str) -> bool:
    """Whether there is such a cache in one of *groups*."""
    return (
        await tx.value(select(caches.c.id).where(caches.c.id == id, caches.c.group_path.in_(groups)))
        is not None
    )


async def _first(tx: Snapshot, query: Select[tuple[object, ...]]) -> Archive | None:
    row = await tx.one(query)
    return None if row is None else Archive(id=row.id, key=row.key, size=row.size, sha256=row.sha256)


def _kept(row: AnyRow) -> Kept:
    return Kept(id=row.id, size=row.size, sha256=row.sha256, created_at=row.created_at)
