"""Questions about pushes: what is to be worked on, and what came of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import BindParameter, Select, bindparam, delete, exists, literal, select, update

from tidemill.contracts.pushes import Push
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.gateway.store.tables import pushed_refs, pushes


class State(StrEnum):
    """How far a pushed ref is: to be worked on, worked on, or set aside with its error."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


#: Written into the statement, since a partial index is of no use to a parameter.
_pending = literal(State.PENDING.value, literal_execute=True)
_this_push = (pushes.c.project == bindparam("of"), pushes.c.id == bindparam("called"))
_sequence = select(pushes.c.sequence).where(*_this_push)
_refs = select(pushed_refs, pushes.c.id.label("push_id")).join(pushes)
_of_push = _refs.where(*_this_push).order_by(pushed_refs.c.position)
_pending_of = (
    select(pushed_refs.c.position).join(pushes).where(*_this_push, pushed_refs.c.state == _pending).limit(1)
)
_changed = update(pushed_refs).where(
    pushed_refs.c.push == bindparam("of"),
    pushed_refs.c.position == bindparam("at"),
    pushed_refs.c.state == State.PENDING,
)


class MadeRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the inbox remembers it."""

    number: int
    name: str
    phase: str
    url: str
    setup_error: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One ref of a push: the unit of work."""

    push: int
    """The sequence of the push."""
    push_id: str
    position: int
    project: str
    ref: str
    old: str
    new: str
    state: State
    attempts: int
    due_at: datetime
    note: str
    runs: tuple[MadeRun, ...]
    code: str
    """What became of it, for programs; "" as long as nothing has."""

    @property
    def key(self) -> tuple[int, int]:
        """What names it in the database."""
        return self.push, self.position


class PushRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A push with its refs."""

    id: str
    pusher: str
    received_at: datetime
    items: tuple[Item, ...]


async def add(tx: Transaction, push: Push) -> bool:
    """Keep a push; False when it is known already, and then nothing changes."""
    row = {"project": push.project, "id": push.id, "pusher": push.pusher, "received_at": push.received_at}
    if not await tx.insert_new(pushes, row):
        return False
    sequence = await tx.value(_sequence, {"of": push.project, "called": push.id})
    refs = [
        {
            "push": sequence,
            "position": position,
            "project": push.project,
            "ref": moved.ref,
            "old": moved.old,
            "new": moved.new,
            "state": State.PENDING,
            "attempts": 0,
            "due_at": push.received_at,
            "note": "",
            "runs": b"[]",
        }
        for position, moved in enumerate(push.updates)
    ]
    await tx.run(pushed_refs.insert(), refs)
    return True


def heads_statement(limit: int | BindParameter[int]) -> Select[tuple[object, ...]]:
    """For each project and ref the oldest pending update, those that are due first, first."""
    older = pushed_refs.alias("older")
    held_up = exists().where(
        older.c.state == _pending,
        older.c.project == pushed_refs.c.project,
        older.c.ref == pushed_refs.c.ref,
        older.c.push < pushed_refs.c.push,
    )
    return (
        _refs.where(pushed_refs.c.state == _pending, ~held_up)
        .order_by(pushed_refs.c.due_at, pushed_refs.c.push, pushed_refs.c.position)
        .limit(limit)
    )


_heads = heads_statement(bindparam("most"))
_heads_of = _heads.where(*_this_push)


async def heads(tx: Snapshot, limit: int) -> list[Item]:
    """The pending refs that nothing older of the same project and ref stands in the way of."""
    return [_item(row) for row in await tx.all(_heads, {"most": limit})]


async def heads_of(tx: Snapshot, project: str, id: str, limit: int) -> list[Item]:
    """Those of them that belong to one push."""
    return [_item(row) for row in await tx.all(_heads_of, {"most": limit, "of": project, "called": id})]


async def is_pending(tx: Snapshot, project: str, id: str) -> bool:
    """Whether any ref of a push is still to be worked on."""
    return await tx.one(_pending_of, {"of": project, "called": id}) is not None


async def settle(
    tx: Transaction, item: Item, state: State, *, note: str, runs: Sequence[MadeRun] = (), code: str = ""
) -> None:
    """Record what came of a ref; the first record stands."""
    await _change(tx, item, state=state, note=note, runs=msgspec.json.encode(runs), code=code)


async def postpone(tx: Transaction, item: Item, *, until: datetime, note: str) -> None:
    """Try a ref again later."""
    await _change(tx, item, attempts=item.attempts + 1, due_at=until, note=note)


async def _change(tx: Transaction, item: Item, **values: object) -> None:
    await tx.run(_changed, {"of": item.push, "at": item.position, **values})


async def of_push(tx: Snapshot, project: str, id: str) -> tuple[Item, ...]:
    """The refs of one push."""
    return tuple(_item(row) for row in await tx.all(_of_push, {"of": project, "called": id}))


async def record(tx: Snapshot, project: str, id: str) -> PushRecord | None:
    """One push of a project."""
    found = await tx.one(select(pushes).where(*_this_push), {"of": project, "called": id})
    if found is None:
        return None
    items = await of_push(tx, project, id)
    return PushRecord(id=found.id, pusher=found.pusher, received_at=found.received_at, items=items)


async def recent(tx: Snapshot, project: str, limit: int, before: str = "") -> list[PushRecord]:
    """The newest pushes of a project, newest first; those *before* the one with this id, if it is known."""
    wanted = select(pushes).where(pushes.c.project == project)
    if before:
        sequence = await tx.value(_sequence, {"of": project, "called": before})
        wanted = wanted.where(pushes.c.sequence < (sequence or 0))
    newest = await tx.all(wanted.order_by(pushes.c.sequence.desc()).limit(limit))
    query = _refs.where(pushes.c.sequence.in_([row.sequence for row in newest])).order_by(
        pushed_refs.c.push, pushed_refs.c.position
    )
    items: dict[int, tuple[Item, ...]] = {}
    for row in await tx.all(query):
        items[row.push] = (*items.get(row.push, ()), _item(row))
    return [
        PushRecord(
            id=row.id, pusher=row.pusher, received_at=row.received_at, items=items.get(row.sequence, ())
        )
        for row in newest
    ]


def _item(row: AnyRow) -> Item:
    return Item(
        push=row.push,
        push_id=row.push_id,
        position=row.position,
        project=row.project,
        ref=row.ref,
        old=row.old,
        new=row.new,
        state=State(row.state),
        attempts=row.attempts,
        due_at=row.due_at,
        note=row.note,
        runs=msgspec.json.decode(row.runs, type=tuple[MadeRun, ...]),
        code=row.code,
    )


async def oldest_pushes(tx: Snapshot, after: int, limit: int) -> list[tuple[int, datetime]]:
    """The sequences of pushes behind *after*, oldest first, and when they were received."""
    query = select(pushes.c.sequence, pushes.c.received_at).where(pushes.c.sequence > after)
    return [
        (row.sequence, row.received_at)
        for row in await tx.all(query.order_by(pushes.c.sequence).limit(limit))
    ]


async def forget(tx: Transaction, sequences: Collection[int]) -> int:
    """Forget those pushes of which nothing is pending; answers how many."""
    still = select(pushed_refs.c.push).where(
        pushed_refs.c.push.in_(sequences), pushed_refs.c.state == _pending
    )
    kept = {row.push for row in await tx.all(still)}
    gone = [sequence for sequence in sequences if sequence not in kept]
    await tx.run(delete(pushed_refs).where(pushed_refs.c.push.in_(gone)))
    return await tx.run(delete(pushes).where(pushes.c.sequence.in_(gone)))
