"""Questions about artifacts: what is kept of a run, what a step keeps now, whose time is over."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Select, delete, func, insert, select, tuple_, update

from tidemill.core.run import RunId, TaskId
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.runservice.store.artifact_tables import artifact_sets, artifacts
from tidemill.services.runservice.store.tables import runs, tasks

_set = (
    artifact_sets.c.id,
    artifact_sets.c.task,
    artifact_sets.c.step,
    artifact_sets.c.created_at,
    artifact_sets.c.expires_at,
)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of an object."""

    path: str
    start: int
    size: int
    sha256: str
    mode: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is kept."""

    position: int
    """Of its task, in the run's plan."""
    task: TaskId
    step: int
    set: str
    file: File
    created_at: datetime
    expires_at: datetime


class NewSet(msgspec.Struct, frozen=True, kw_only=True):
    """Files that a step is about to keep."""

    id: str
    task: TaskId
    attempt: int
    step: int
    created_at: datetime
    counter_path: str = ""
    """The counter group of its run."""


async def announce(tx: Transaction, new: NewSet, until: datetime) -> None:
    """An object may come to be; if nothing more is heard of it, it is removed at *until*."""
    await tx.run(insert(artifact_sets).values(**msgspec.structs.asdict(new), live=False, expires_at=until))


async def kept_bytes(tx: Snapshot, counter_path: str, now: datetime) -> int:
    """The bytes of all artifacts of a counter group."""
    query = select(func.coalesce(func.sum(artifact_sets.c.size), 0)).where(
        artifact_sets.c.counter_path == counter_path, artifact_sets.c.expires_at > now
    )
    return int(await tx.value(query))


async def keep(tx: Transaction, new: NewSet, files: Sequence[File], size: int, until: datetime) -> bool:
    """The object is there: its files are the step's now, and none of an earlier attempt are the task's.

    False when it took so long that it was removed.
    """
    before = (artifact_sets.c.step == new.step) | (artifact_sets.c.attempt < new.attempt)
    await tx.run(
        update(artifact_sets)
        .where(artifact_sets.c.task == new.task, artifact_sets.c.live, before)
        .values(live=False, expires_at=new.created_at)
    )
    kept = (
        update(artifact_sets)
        .where(artifact_sets.c.id == new.id)
        .values(live=True, expires_at=until, size=size)
    )
    if not await tx.run(kept):
        return False
    if files:
        await tx.run(insert(artifacts), [{"set": new.id} | msgspec.structs.asdict(one) for one in files])
    return True


async def exists(tx: Snapshot, run: RunId) -> bool:
    """Whether there is such a run."""
    return await tx.value(select(runs.c.sequence).where(runs.c.id == run)) is not None


async def of_run(
    tx: Snapshot, run: RunId, now: datetime, *, after: tuple[int, str, int] | None, limit: int
) -> list[Found]:
    """What is kept of a run, by task, path and step; *after* are the position, path and step before."""
    place = (tasks.c.position, artifacts.c.path, artifact_sets.c.step)
    query = _of_run(run, now).order_by(*place)
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    return [_found(row) for row in await tx.all(query.limit(limit) if limit else query)]


async def at_path(tx: Snapshot, run: RunId, task: TaskId, path: str, now: datetime) -> Found | None:
    """The file of that path, from the last step that has kept one."""
    query = _of_run(run, now).where(tasks.c.id == task, artifacts.c.path == path)
    row = await tx.one(query.order_by(artifact_sets.c.step.desc()).limit(1))
    return None if row is None else _found(row)


async def over(tx: Snapshot, now: datetime, limit: int, passed_over: Collection[str]) -> list[str]:
    """Sets whose time is over, the oldest first."""
    query = select(artifact_sets.c.id).where(artifact_sets.c.expires_at <= now)
    if passed_over:
        query = query.where(artifact_sets.c.id.not_in(passed_over))
    return [row.id for row in await tx.all(query.order_by(artifact_sets.c.expires_at).limit(limit))]


async def forget(tx: Transaction, ids: Collection[str]) -> None:
    """Their objects are gone."""
    await tx.run(delete(artifacts).where(artifacts.c.set.in_(ids)))
    await tx.run(delete(artifact_sets).where(artifact_sets.c.id.in_(ids)))


def _of_run(run: RunId, now: datetime) -> Select[tuple[object, ...]]:
    return (
        select(tasks.c.position, *_set, artifacts)
        .select_from(runs)
        .join(tasks, tasks.c.run == runs.c.sequence)
        .join(artifact_sets, artifact_sets.c.task == tasks.c.id)
        .join(artifacts, artifacts.c.set == artifact_sets.c.id)
        .where(runs.c.id == run, artifact_sets.c.live, artifact_sets.c.expires_at > now)
    )


def _found(row: AnyRow) -> Found:
    file = File(path=row.path, start=row.start, size=row.size, sha256=row.sha256, mode=row.mode)
    return Found(
        position=row.position,
        task=row.task,
        step=row.step,
        set=row.id,
        file=file,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
