"""Questions about what has had its time: runs, logs, workspaces, caches, keys, groups."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from tidemill.core.run import Phase, TaskId
from tidemill.kit.db import AnyRow, Instant, Snapshot, Transaction
from tidemill.services.runservice import groups as paths
from tidemill.services.runservice.store import counting, removal
from tidemill.services.runservice.store.artifact_tables import IS_LIVE, artifact_sets
from tidemill.services.runservice.store.tables import (
    IS_KEPT,
    IS_OPEN,
    IS_UNEXPIRED,
    caches,
    counters,
    creations,
    groups,
    log_parts,
    logs,
    runs,
    tasks,
    workspaces,
)

_AT_ONCE = 100
_LOGS_AT_ONCE = 20
_CACHES_AT_ONCE = 1000

_narrow = select(
    runs.c.sequence, runs.c.counter_path, runs.c.number, runs.c.phase, runs.c.created_at, runs.c.ended_at
)
_from_oldest = _narrow.where(runs.c.sequence > bindparam("after")).order_by(runs.c.sequence).limit(200)
_of_counter = (
    _narrow.where(
        runs.c.counter_path == bindparam("of"),
        runs.c.number > bindparam("after"),
        runs.c.number <= bindparam("last"),
    )
    .order_by(runs.c.number)
    .limit(200)
)
_number_from_top = (
    select(runs.c.number)
    .where(runs.c.counter_path == bindparam("of"))
    .order_by(runs.c.number.desc())
    .offset(bindparam("behind"))
    .limit(1)
)
_old_keys = (
    select(creations.c.key)
    .where(creations.c.created_at < bindparam("before"))
    .order_by(creations.c.created_at)
    .limit(_AT_ONCE)
)
_old_logs = (
    select(logs.c.task, logs.c.attempt, logs.c.step, logs.c.object)
    .where(IS_KEPT, logs.c.put_away_at < bindparam("before"))
    .order_by(logs.c.put_away_at)
    .limit(_LOGS_AT_ONCE)
)
_old_caches = (
    select(caches.c.group_path, caches.c.key, caches.c.id)
    .where(caches.c.used_at < bindparam("before"))
    .order_by(caches.c.used_at)
    .limit(_AT_ONCE)
)


class Aged(msgspec.Struct, frozen=True):
    """A run, as far as its age matters."""

    sequence: int
    counter_path: str
    number: int
    is_final: bool
    created_at: datetime
    ended_at: datetime


async def oldest(tx: Snapshot, after: int) -> list[Aged]:
    """Runs behind a sequence, oldest first; some of them."""
    return [_aged(row) for row in await tx.all(_from_oldest, {"after": after})]


async def of_counter(tx: Snapshot, counter_path: str, after: int, last: int) -> list[Aged]:
    """Runs of a counter group with numbers behind *after* up to *last*; some of them."""
    return [
        _aged(row) for row in await tx.all(_of_counter, {"of": counter_path, "after": after, "last": last})
    ]


async def number_from_top(tx: Snapshot, counter_path: str, behind: int) -> int:
    """The number of the run that has exactly *behind* newer ones in its counter group; 0 if there is none."""
    return await tx.value(_number_from_top, {"of": counter_path, "behind": behind}) or 0


async def counter_paths(tx: Snapshot, after: str, limit: int) -> list[str]:
    """Counter groups behind *after*, by name."""
    query = select(counters.c.path).where(counters.c.path > after).order_by(counters.c.path)
    return [row.path for row in await tx.all(query.limit(limit))]


async def keeping_artifacts(tx: Snapshot, sequences: Collection[int], now: datetime) -> set[int]:
    """Those of these runs that have artifacts whose time is not over."""
    query = (
        select(tasks.c.run)
        .join(artifact_sets, artifact_sets.c.task == tasks.c.id)
        .where(tasks.c.run.in_(sequences), IS_LIVE, artifact_sets.c.expires_at > now)
    )
    return {row.run for row in await tx.all(query)}


async def delete_logs(tx: Transaction, task: TaskId, step: int, now: datetime) -> bool:
    """Remove the bytes of a step's logs, of all attempts; False when all of them were removed before."""
    of_step = (logs.c.task == task) & (logs.c.step == step)
    found = await tx.all(select(logs.c.attempt, logs.c.object, logs.c.deleted_at).where(of_step))
    if found and all(row.deleted_at is not None for row in found):
        return False
    if not found:
        new = {"task": task, "attempt": 1, "step": step, "length": 0, "in_rows": 0}
        await tx.run(insert(logs).values(**new, put_away_at=now, deleted_at=now))
        return True
    for row in found:
        await _empty(tx, (task, row.attempt, step), row.object, now)
    return True


async def expire_logs(tx: Transaction, before: datetime, now: datetime) -> int:
    """Remove the bytes of some logs that were put away *before*; answers of how many."""
    found = await tx.all(_old_logs, {"before": before})
    for row in found:
        await _empty(tx, (row.task, row.attempt, row.step), row.object, now)
    return len(found)


async def _empty(tx: Transaction, key: tuple[str, int, int], whole: str | None, now: datetime) -> None:
    def is_it(
        columns: tuple[ColumnElement[str], ColumnElement[int], ColumnElement[int]],
    ) -> ColumnElement[bool]:
        return (columns[0] == key[0]) & (columns[1] == key[1]) & (columns[2] == key[2])

    parts = is_it((log_parts.c.task, log_parts.c.attempt, log_parts.c.step))
    while not await removal.remove_parts(tx, parts, now):
        pass
    await removal.doom_objects(tx, [whole] if whole else (), now)
    emptied = {"length": 0, "in_rows": 0, "object": None, "blocks": None}
    await tx.run(
        update(logs)
        .where(is_it((logs.c.task, logs.c.attempt, logs.c.step)))
        .values(
            **emptied, put_away_at=func.coalesce(logs.c.put_away_at, literal(now, Instant)), deleted_at=now
        )
    )


async def workspaces_made(
    tx: Snapshot, before: datetime, after: tuple[datetime, str] | None
) -> list[tuple[datetime, TaskId]]:
    """When and by which tasks archives were kept *before*, oldest first; some of them, behind *after*."""
    query = select(workspaces.c.created_at, workspaces.c.task).where(
        IS_UNEXPIRED, workspaces.c.created_at < before
    )
    if after is not None:
        moment, task = after
        query = query.where(  # the first condition alone leads into the index
            workspaces.c.created_at >= moment,
            or_(workspaces.c.created_at > moment, workspaces.c.task > task),
        )
    found = await tx.all(query.order_by(workspaces.c.created_at, workspaces.c.task).limit(200))
    return [(row.created_at, row.task) for row in found]


async def expire_caches(tx: Transaction, before: datetime, now: datetime) -> int:
    """Remove some caches that were last used *before*; answers how many."""
    found = await tx.all(_old_caches, {"before": before})
    await drop_caches(tx, [row.id for row in found], now)
    return len(found)


async def drop_caches(tx: Transaction, ids: Collection[str], now: datetime) -> None:
    """Remove these caches."""
    if ids:
        await tx.run(delete(caches).where(caches.c.id.in_(ids)))
        await removal.doom_objects(tx, (f"archives/{one}" for one in ids), now)


async def cache_sizes(tx: Snapshot) -> dict[str, int]:
    """The bytes of all caches of each counter group."""
    sizes: dict[str, int] = {}
    query = select(caches.c.group_path, func.sum(caches.c.size).label("bytes")).group_by(caches.c.group_path)
    for row in await tx.all(query):
        counter = paths.counter_path(row.group_path)
        sizes[counter] = sizes.get(counter, 0) + int(row.bytes)
    return sizes


async def limit_caches(
    tx: Transaction, counter_path: str, quota: int, now: datetime, *, keep: str = ""
) -> int:
    """Remove caches of a counter group, those used least recently first, until they fit; answers how many.

    Where very many are too much, only some of them go at once.
    """
    below = counting.below(caches.c.group_path, counter_path)
    over = int(await tx.value(select(func.coalesce(func.sum(caches.c.size), 0)).where(below))) - quota
    if over <= 0:
        return 0
    query = select(caches.c.id, caches.c.size).where(below, caches.c.id != keep)
    gone = []
    for row in await tx.all(query.order_by(caches.c.used_at, caches.c.key).limit(_CACHES_AT_ONCE)):
        if over <= 0:
            break
        gone.append(row.id)
        over -= row.size
    await drop_caches(tx, gone, now)
    return len(gone)


async def forget_keys(tx: Transaction, before: datetime) -> int:
    """Forget some idempotency keys from *before*; answers how many."""
    found = [row.key for row in await tx.all(_old_keys, {"before": before})]
    if found:
        await tx.run(delete(creations).where(creations.c.key.in_(found)))
    return len(found)


async def known_groups(tx: Snapshot, after: str) -> list[str]:
    """Groups that have a token, behind *after*, by name; some of them."""
    query = select(groups.c.path).where(groups.c.path > after).order_by(groups.c.path)
    return [row.path for row in await tx.all(query.limit(200))]


async def forget_groups(tx: Transaction, these: Collection[str]) -> int:
    """Forget the tokens of those groups that have no runs any more; answers how many.

    Whoever creates a run locks its group's row (`counting.know_group`): so do we, and look only then.
    """
    query = select(groups.c.path).where(groups.c.path.in_(these)).order_by(groups.c.path)
    await tx.all(query.with_for_update())
    contests = [path for path in these if path.startswith("~")]
    has_runs = exists().where(runs.c.group_path == groups.c.path)
    gone = await tx.run(delete(groups).where(groups.c.path.in_(set(these) - set(contests)), ~has_runs))
    return gone + await _forget_contests(tx, contests)


async def _forget_contests(tx: Transaction, contests: Collection[str]) -> int:
    if not contests:
        return 0
    query = select(runs.c.group_path, runs.c.concurrency).where(IS_OPEN, runs.c.concurrency.is_not(None))
    wanted = {paths.contest_path(row.group_path, row.concurrency) for row in await tx.all(query)}
    return await tx.run(delete(groups).where(groups.c.path.in_(set(contests) - wanted)))


async def forget_counter(tx: Transaction, counter_path: str) -> None:
    """Forget the numbers of a group that will never have runs again."""
    await tx.run(delete(counters).where(counters.c.path == counter_path))


def _aged(row: AnyRow) -> Aged:
    return Aged(
        row.sequence,
        row.counter_path,
        row.number,
        Phase(row.phase).is_final,
        row.created_at,
        row.ended_at or row.created_at,
    )
