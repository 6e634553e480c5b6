"""Questions about one run or a few: created, taken in hand, saved."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy import Select, bindparam, insert, select, update

from tidemill.core.plan import Concurrency
from tidemill.core.run import Run, RunId, RunTask, TaskId
from tidemill.errors import Conflict
from tidemill.kit.db import AnyRow, Snapshot, Transaction, Values
from tidemill.services.runservice.store import rows
from tidemill.services.runservice.store.recent import Recent
from tidemill.services.runservice.store.tables import IS_GROWING, IS_TIMED, creations, logs, runs, tasks

log = structlog.get_logger("runservice")

_ids = msgspec.json.Decoder(tuple[RunId, ...])

_by_id = select(runs).where(runs.c.id == bindparam("run"))
_by_number = select(runs).where(runs.c.counter_path == bindparam("of"), runs.c.number == bindparam("called"))
_these = select(runs).where(runs.c.id.in_(bindparam("these", expanding=True)))
_take_by_id = _by_id.with_for_update()
_take = (
    select(runs)
    .where(runs.c.sequence.in_(bindparam("these", expanding=True)))
    .order_by(runs.c.sequence)
    .with_for_update()
)
_lock = (
    select(runs.c.sequence)
    .where(runs.c.sequence.in_(bindparam("these", expanding=True)))
    .order_by(runs.c.sequence)
    .with_for_update()
)
_states = (
    select(tasks.c.run, tasks.c.state)
    .where(tasks.c.run.in_(bindparam("these", expanding=True)))
    .order_by(tasks.c.run, tasks.c.position)
)
_timed = select(runs.c.sequence, runs.c.wake_at).where(IS_TIMED).order_by(runs.c.wake_at).limit(100)
_touch = (
    update(runs)
    .where(runs.c.sequence.in_(bindparam("these", expanding=True)))
    .values(revision=runs.c.revision + 1)
    .returning(runs.c.sequence, runs.c.revision)
)
_save = update(runs).where(runs.c.sequence == bindparam("at"), runs.c.revision == bindparam("was"))
_save_state = (
    update(tasks)
    .where(tasks.c.run == bindparam("of_run"), tasks.c.position == bindparam("at"))
    .values(state=bindparam("becomes"))
)
_exchange = _save_state.where(tasks.c.state == bindparam("was"))


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is stored, with what only the store knows of it."""

    sequence: int
    plan_id: str | None
    run: Run
    concurrency: Concurrency | None = None
    """Of a run that is to be added."""


async def add(tx: Transaction, new: Sequence[StoredRun], counter_path: str) -> None:
    """Store new runs with their tasks."""
    await tx.run(
        insert(runs),
        [
            rows.row_of(
                one.run,
                sequence=one.sequence,
                counter_path=counter_path,
                plan_id=one.plan_id,
                concurrency=one.concurrency,
            )
            for one in new
        ],
    )
    await tx.run(
        insert(tasks),
        [
            {"run": one.sequence, "position": position, "id": task.id, "state": rows.state_of(task)}
            for one in new
            for position, task in enumerate(one.run.tasks)
        ],
    )


async def begin_creation(tx: Transaction, key: str, ids: Sequence[RunId], now: datetime) -> bool:
    """Note that runs with these *ids* are created for *key*; False when others were before."""
    noted = {"key": key, "run_ids": msgspec.json.encode(ids), "created_at": now}
    return await tx.insert_new(creations, noted)


async def created_for(tx: Snapshot, key: str) -> list[Run]:
    """The runs that were created for *key* and are still there, in the order they were asked for."""
    noted: bytes | None = await tx.value(select(creations.c.run_ids).where(creations.c.key == key))
    ids = _ids.decode(noted or b"[]")
    found = {one.run.id: one.run for one in await _read(tx, _these, {"these": ids})}
    return [found[run] for run in ids if run in found]


async def by_id(tx: Snapshot, id: RunId, recent: Recent | None = None) -> StoredRun | None:
    """The run with this id."""
    return _first(await _read(tx, _by_id, {"run": id}, recent))


async def by_number(tx: Snapshot, counter_path: str, number: int) -> StoredRun | None:
    """The run with this number in a counter group."""
    return _first(await _read(tx, _by_number, {"of": counter_path, "called": number}))


async def take(tx: Transaction, sequences: Collection[int], recent: Recent | None = None) -> list[StoredRun]:
    """Lock these runs, oldest first, and read them; whoever changes a run or its tasks has taken it."""
    return await _read(tx, _take, {"these": sequences}, recent)


async def take_by_id(tx: Transaction, id: RunId, recent: Recent | None = None) -> StoredRun | None:
    """Lock the run with this id and read it."""
    return _first(await _read(tx, _take_by_id, {"run": id}, recent))


async def due(tx: Snapshot, now: datetime) -> tuple[list[int], datetime | None]:
    """Some of the runs whose time has come by *now*, earliest first, and when the next one's comes."""
    found = await tx.all(_timed)
    later = [row.wake_at for row in found if row.wake_at > now]
    return [row.sequence for row in found if row.wake_at <= now], later[0] if later else None


async def lock(tx: Transaction, sequences: Collection[int]) -> None:
    """Lock these runs without reading them; SQLite has one writer and needs no locks."""
    if sequences and tx.dialect != "sqlite":
        await tx.all(_lock, {"these": sequences})


async def touch(tx: Transaction, sequences: Collection[int]) -> dict[int, int]:
    """Raise the revision of locked runs of which only the steps of a task change; answers the new ones."""
    return {row.sequence: row.revision for row in await tx.all(_touch, {"these": sequences})}


async def save(tx: Transaction, before: StoredRun, after: Run) -> Run:
    """Store what has changed of a run; answers it with its new revision."""
    revision = before.run.revision + 1
    await tx.run(
        _save_state,
        [
            {"of_run": before.sequence, "at": position, "becomes": rows.state_of(task)}
            for position, (was, task) in enumerate(zip(before.run.tasks, after.tasks, strict=True))
            if task is not was and task != was
        ],
    )
    place = {"at": before.sequence, "was": before.run.revision}
    saved = await tx.run(_save, {**place, "revision": revision, **rows.changes(before.run, after)})
    if not saved:
        raise Conflict(f"run {after.id} was changed by somebody else meanwhile", code="runChanged")
    return replace(after, revision=revision)


async def exchange_task(tx: Transaction, place: tuple[int, int], was: bytes, becomes: RunTask) -> bool:
    """Store a task at *place* (run, position) if its state is still as it *was*."""
    of_run, at = place
    values = {"of_run": of_run, "at": at, "was": was, "becomes": rows.state_of(becomes)}
    return await tx.run(_exchange, values) == 1


async def task(tx: Snapshot, id: TaskId) -> RunTask | None:
    """The task with this id; the runs that share it hold the same state of it."""
    state: bytes | None = await tx.value(select(tasks.c.state).where(tasks.c.id == id).limit(1))
    return rows.task_of(state) if state is not None else None


async def tasks_with_growing_logs(tx: Snapshot) -> Mapping[TaskId, RunTask]:
    """The tasks of which a log is not put away yet; without those that cannot be read."""
    having = tasks.c.id.in_(select(logs.c.task).where(IS_GROWING))
    found: dict[TaskId, RunTask] = {}
    for row in await tx.all(select(tasks.c.id, tasks.c.state).where(having)):
        try:
            found[row.id] = rows.task_of(row.state)
        except msgspec.DecodeError as error:  # damaged, or written by a newer version
            log.warning("the state of a task cannot be read", task=row.id, error=str(error))
    return found


async def _read(
    tx: Snapshot, query: Select[tuple[object, ...]], values: Values, recent: Recent | None = None
) -> list[StoredRun]:
    """Runs with their tasks; those that *recent* does not know are told to it once that is safe."""
    found = await tx.all(query, values)
    known = {row.sequence: recent.get(row.sequence, row.revision) for row in found} if recent else {}
    states: dict[int, list[RunTask]] = {row.sequence: [] for row in found if known.get(row.sequence) is None}
    if states:
        for state in await tx.all(_states, {"these": list(states)}):
            states[state.run].append(rows.task_of(state.state))
    if recent:
        for row in found:
            if row.sequence in states:
                _tell(tx, recent, row, tuple(states[row.sequence]))
    return [_stored(row, known.get(row.sequence) or states[row.sequence]) for row in found]


def _tell(tx: Snapshot, recent: Recent, row: AnyRow, read: tuple[RunTask, ...]) -> None:
    if isinstance(tx, Transaction):
        tx.after_commit(recent.keep, row.sequence, row.revision, read)
    else:
        recent.keep(row.sequence, row.revision, read)


def _stored(row: AnyRow, states: Sequence[RunTask]) -> StoredRun:
    return StoredRun(sequence=row.sequence, plan_id=row.plan_id, run=rows.run_of(row, states))


def _first(found: list[StoredRun]) -> StoredRun | None:
    return found[0] if found else None
