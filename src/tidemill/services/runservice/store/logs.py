"""Questions about logs: how long each is, and the parts that its bytes stand in."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Table, bindparam, delete, func, insert, select, update

from tidemill.core.logs.lines import NEWLINE
from tidemill.core.logs.marks import MOST_OF_PART, decode, encode, moved, thinned
from tidemill.core.run import TaskId
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.runservice.store.tables import IS_GROWING, log_parts, logs

#: Parts that are read at once; those of a log that are in rows have little more than 1 MiB together.
_AT_ONCE = 256

_this = (
    logs.c.task == bindparam("of_task"),
    logs.c.attempt == bindparam("of_attempt"),
    logs.c.step == bindparam("of_step"),
)
_put_away = update(logs).where(*_this).values(put_away_at=bindparam("now"))
_head_of = select(logs).where(*_this)
_lengthen_objects = (
    update(logs)
    .where(*_this, logs.c.length == bindparam("at"), logs.c.object.is_(None), IS_GROWING)
    .values(length=bindparam("grown"), in_rows=0)
    .returning(logs.c.in_rows)
)
_lengthen_rows = _lengthen_objects.values(in_rows=logs.c.in_rows + bindparam("more"))
_add_part = insert(log_parts)
_OUTLINE = (log_parts.c.start, log_parts.c.length, log_parts.c.lines, log_parts.c.marks)


class LogId(msgspec.Struct, frozen=True):
    """A log: a step (-1 being the setup) in one attempt of a task."""

    task: TaskId
    step: int
    attempt: int = 1


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a log without reading it."""

    length: int = 0
    in_rows: int = 0
    """Bytes at its end that stand in rows, behind the last object."""
    object: str | None = None
    """Where all of it is, once it is put away and large."""
    blocks: bytes = b""
    is_deleted: bool = False
    """Its bytes were removed."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some bytes of a log, here or in an object."""

    start: int
    length: int
    lines: int | None = None
    """Newlines in it, where they were counted."""
    marks: bytes | None = None
    """When its bytes were printed, counted from its start (core/logs/marks)."""
    object: str | None = None
    data: bytes | None = None

    @property
    def end(self) -> int:
        return self.start + self.length


async def head(tx: Snapshot, log: LogId) -> Head | None:
    """The head of a log; None before its first byte."""
    row = await tx.one(_head_of, _named(log))
    return None if row is None else _head(row)


async def grow(tx: Transaction, log: LogId, part: Part) -> tuple[bool, Head]:
    """Add a part if it begins where the log ends; whether it was added, and the log as it is then."""
    in_rows = None if part.start else await _begin(tx, log, part)
    if in_rows is None:
        in_rows = await _lengthen(tx, log, part)
    if in_rows is None:
        return False, await head(tx, log) or Head()
    await tx.run(_add_part, {**msgspec.structs.asdict(log), **msgspec.structs.asdict(part)})
    return True, Head(length=part.end, in_rows=in_rows)


async def _begin(tx: Transaction, log: LogId, part: Part) -> int | None:
    """Make a log of its first *part*; None when there is one."""
    first = part.length if part.object is None else 0
    new = {**msgspec.structs.asdict(log), "length": part.length, "in_rows": first}
    return first if await tx.insert_new(logs, new) else None


async def _lengthen(tx: Transaction, log: LogId, part: Part) -> int | None:
    """Count *part*; None when it does not begin where the log ends."""
    lengths = {"at": part.start, "grown": part.end}
    counted: int | None
    if part.object is None:
        counted = await tx.value(_lengthen_rows, _named(log) | lengths | {"more": part.length})
    else:
        counted = await tx.value(_lengthen_objects, _named(log) | lengths)
    return counted


async def parts_from(tx: Snapshot, log: LogId, offset: int) -> list[Part]:
    """The first few parts that hold what begins at *offset*."""
    first = (
        select(func.max(log_parts.c.start))
        .where(_is(log_parts, log), log_parts.c.start <= offset)
        .scalar_subquery()
    )
    query = select(log_parts).where(_is(log_parts, log), log_parts.c.start >= first)
    return [_part(row) for row in await tx.all(query.order_by(log_parts.c.start).limit(_AT_ONCE))]


async def outline(tx: Snapshot, log: LogId, start: int = 0, end: int | None = None) -> list[Part]:
    """The parts that hold what stands from *start* to *end*, without their bytes."""
    first = (
        select(func.max(log_parts.c.start))
        .where(_is(log_parts, log), log_parts.c.start <= start)
        .scalar_subquery()
    )
    query = select(*_OUTLINE).where(_is(log_parts, log), log_parts.c.start >= first)
    if end is not None:
        query = query.where(log_parts.c.start < end)
    rows = await tx.all(query.order_by(log_parts.c.start))
    return [Part(start=row.start, length=row.length, lines=row.lines, marks=row.marks) for row in rows]


async def rows_from(tx: Snapshot, log: LogId, start: int, end: int) -> list[Part]:
    """The parts in rows that begin from *start* on, before *end*."""
    query = select(log_parts).where(
        _is(log_parts, log),
        log_parts.c.start >= start,
        log_parts.c.start < end,
        log_parts.c.object.is_(None),
    )
    return [_part(row) for row in await tx.all(query.order_by(log_parts.c.start))]


def joined(parts: Sequence[Part]) -> Part:
    """One part in the place of several in rows, which follow each other."""
    start = parts[0].start
    data = b"".join(part.data or b"" for part in parts)
    marks = [mark for part in parts for mark in moved(decode(part.marks), part.start - start)]
    return Part(
        start=start,
        length=len(data),
        lines=data.count(NEWLINE),
        marks=encode(thinned(marks, MOST_OF_PART)),
        data=data,
    )


async def fold(tx: Transaction, log: LogId, folded: Part, count: int) -> bool:
    """Put one object in the place of *count* parts in rows; False when they are not there any more.

    An append may have become an object behind them meanwhile; then they count among the rows no more.
    """
    growing = select(logs.c.length, logs.c.in_rows).where(_is(logs, log), IS_GROWING)
    head = await tx.one(growing.with_for_update())
    these = (
        _is(log_parts, log)
        & log_parts.c.object.is_(None)
        & (log_parts.c.start >= folded.start)
        & (log_parts.c.start < folded.end)
    )
    still = await tx.value(select(func.count()).select_from(log_parts).where(these))
    if head is None or still != count:
        return False
    if head.length - head.in_rows <= folded.start:
        await tx.run(update(logs).where(_is(logs, log)).values(in_rows=head.in_rows - folded.length))
    await tx.run(delete(log_parts).where(these))
    await tx.run(insert(log_parts).values(**msgspec.structs.asdict(log), **msgspec.structs.asdict(folded)))
    return True


async def growing(tx: Snapshot) -> list[tuple[LogId, Head]]:
    """Logs that are not put away yet."""
    query = select(logs).where(IS_GROWING).order_by(logs.c.task, logs.c.attempt, logs.c.step)
    return [(_id(row), _head(row)) for row in await tx.all(query)]


async def scattered(tx: Snapshot) -> set[LogId]:
    """Those of them that stand in more than one part."""
    of_growing = log_parts.c.task.in_(select(logs.c.task).where(IS_GROWING))
    key = (log_parts.c.task, log_parts.c.attempt, log_parts.c.step)
    found = await tx.all(select(*key).where(of_growing).group_by(*key).having(func.count() > 1))
    return {_id(row) for row in found}


async def gather(tx: Transaction, log: LogId) -> None:
    """Put one row in the place of all parts of a small log; one that has objects stays as it is."""
    query = select(log_parts).where(_is(log_parts, log)).order_by(log_parts.c.start)
    parts = [_part(row) for row in await tx.all(query)]
    if not parts or any(part.data is None for part in parts):
        return
    await tx.run(delete(log_parts).where(_is(log_parts, log)))
    whole = joined(parts)
    await tx.run(insert(log_parts).values(**msgspec.structs.asdict(log), **msgspec.structs.asdict(whole)))


async def make_whole(tx: Transaction, log: LogId, whole: Head) -> bool:
    """Put one object in the place of all parts; False when somebody else did or the log has grown."""
    changed = await tx.run(
        update(logs)
        .where(_is(logs, log), logs.c.length == whole.length, logs.c.object.is_(None), IS_GROWING)
        .values(object=whole.object, blocks=whole.blocks, in_rows=0)
    )
    if changed:
        await tx.run(delete(log_parts).where(_is(log_parts, log)))
    return bool(changed)


async def put_away(tx: Transaction, ids: Sequence[LogId], now: datetime) -> None:
    """Note that these logs are in their last form."""
    await tx.run(_put_away, [_named(log) | {"now": now} for log in ids])


async def objects_of(tx: Snapshot, task: TaskId) -> set[str]:
    """The objects that hold bytes of any log of a task."""
    whole = select(logs.c.object).where(logs.c.task == task, logs.c.object.is_not(None))
    parts = select(log_parts.c.object).where(log_parts.c.task == task, log_parts.c.object.is_not(None))
    return {name for (name,) in await tx.all(whole.union(parts))}


def _named(log: LogId) -> dict[str, object]:
    return {"of_task": log.task, "of_attempt": log.attempt, "of_step": log.step}


def _id(row: AnyRow) -> LogId:
    return LogId(row.task, row.step, row.attempt)


def _is(table: Table, log: LogId) -> ColumnElement[bool]:
    return (table.c.task == log.task) & (table.c.attempt == log.attempt) & (table.c.step == log.step)


def _head(row: AnyRow) -> Head:
    return Head(
        length=row.length,
        in_rows=row.in_rows,
        object=row.object,
        blocks=row.blocks or b"",
        is_deleted=row.deleted_at is not None,
    )


def _part(row: AnyRow) -> Part:
    return Part(
        start=row.start,
        length=row.length,
        lines=row.lines,
        marks=row.marks,
        object=row.object,
        data=row.data,
    )
