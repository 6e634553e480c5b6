"""Questions about queued runs, for who decides what starts: one step on an index for each group that has any.

However many runs are queued, what is read of a group is the run whose turn it is. Only where that one may
have to wait for others of its concurrency group, those behind it are read too.
"""

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    TextClause,
    bindparam,
    literal,
    select,
    union_all,
)

from tidemill.contracts.runservice import Contender, Contest, QueuedGroup, QueuedGroups
from tidemill.core.plan import Superseded
from tidemill.core.run import Phase, RunId
from tidemill.kit.db import AnyRow, Snapshot
from tidemill.services.runservice.store import counting
from tidemill.services.runservice.store.listing import version
from tidemill.services.runservice.store.tables import IS_CONTENDING, IS_OPEN, IS_QUEUED, runs

_SHOWN = 100
#: Groups in one question for what is queued behind their first runs.
_AT_ONCE = 50

_in_order = (runs.c.group_path, runs.c.sequence)

_first = select(runs.c.group_path).where(IS_QUEUED, runs.c.group_path > "").order_by(*_in_order).limit(1)
_found = select(_first.subquery().c.group_path.label("path")).cte("found", recursive=True)
_next = (
    select(runs.c.group_path)
    .where(IS_QUEUED, runs.c.group_path > _found.c.path)
    .order_by(*_in_order)
    .limit(1)
    .correlate(_found)
    .scalar_subquery()
)
#: The groups that have queued runs.
_waiting = _found.union_all(select(_next).where(_found.c.path.is_not(None)))


def _oldest(where: Sequence[ColumnElement[bool] | TextClause]) -> Select[tuple[int]]:
    """The oldest run in such a state of the group that is looked at.

    The group is written as a range because PostgreSQL then has one index alone that brings its runs in
    order; with an equation it may walk through all runs that there ever were.
    """
    return (
        select(runs.c.sequence)
        .where(*where)
        .where(runs.c.group_path >= _waiting.c.path, runs.c.group_path <= _waiting.c.path)
        .order_by(*_in_order)
        .limit(1)
        .correlate(_waiting)
    )


_heads = select(
    _waiting.c.path,
    _oldest([IS_QUEUED]).scalar_subquery().label("queued"),
    _oldest([IS_OPEN, runs.c.phase == Phase.RUNNING]).scalar_subquery().label("running"),
).where(_waiting.c.path.is_not(None))
_these = select(runs.c.sequence, runs.c.id, runs.c.concurrency).where(
    runs.c.sequence.in_(bindparam("these", expanding=True))
)
_contenders = select(
    runs.c.id,
    runs.c.sequence,
    runs.c.number,
    runs.c.group_path,
    runs.c.counter_path,
    runs.c.phase,
    runs.c.stopping,
    runs.c.concurrency,
    runs.c.superseded,
).where(IS_CONTENDING, runs.c.counter_path > "")


async def queued_groups(tx: Snapshot) -> QueuedGroups:
    """Groups with queued runs, the one that has waited longest first, and the event they are as of."""
    as_of = await version(tx)
    heads = sorted(await tx.all(_heads), key=lambda head: head.queued)
    known = await _known(tx, [run for head in heads for run in (head.queued, head.running) if run])
    contested = [head.path for head in heads if not head.running and known[head.queued].concurrency]
    behind = await _behind(tx, contested)
    tokens = await _tokens(tx, [head.path for head in heads])
    found = tuple(
        QueuedGroup(
            group=head.path,
            queued=tuple(behind.get(head.path, (known[head.queued].id,))),
            running=(known[head.running].id,) if head.running else (),
            token=str(tokens[head.path]),
        )
        for head in heads
    )
    contests = _contests(await tx.all(_contenders)) if heads else ()
    return QueuedGroups(found, version=as_of, contests=contests)


async def _known(tx: Snapshot, sequences: list[int]) -> dict[int, AnyRow]:
    found: dict[int, AnyRow] = {}
    for start in range(0, len(sequences), 1000):
        rows = await tx.all(_these, {"these": sequences[start : start + 1000]})
        found |= {row.sequence: row for row in rows}
    return found


async def _behind(tx: Snapshot, paths: list[str]) -> dict[str, list[RunId]]:
    """The oldest queued runs of each of these groups."""
    ids: dict[str, list[RunId]] = {}
    for start in range(0, len(paths), _AT_ONCE):
        some = {f"group{number}": path for number, path in enumerate(paths[start : start + _AT_ONCE])}
        for row in sorted(await tx.all(_queues(len(some)), some), key=lambda row: row.sequence):
            ids.setdefault(row.group_path, []).append(row.id)
    return ids


@cache
def _queues(count: int) -> CompoundSelect[tuple[str, str, int]]:
    """The question for the oldest queued runs of *count* groups."""
    return union_all(
        *(
            select(
                select(runs.c.id, runs.c.group_path, runs.c.sequence)
                .where(IS_QUEUED)
                .where(runs.c.group_path >= bindparam(f"group{number}"))
                .where(runs.c.group_path <= bindparam(f"group{number}"))
                .order_by(*_in_order)
                .limit(literal(_SHOWN))
                .subquery()
            )
            for number in range(count)
        )
    )


async def _tokens(tx: Snapshot, paths: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(paths), 1000):
        found |= await counting.tokens(tx, paths[start : start + 1000])
    return found


def _contests(found: Collection[AnyRow]) -> tuple[Contest, ...]:
    """The concurrency groups, each within its counter group, of which a run is queued."""
    contests: dict[tuple[str, str], list[Contender]] = {}
    for row in sorted(found, key=lambda row: row.sequence):
        contests.setdefault((row.counter_path, row.concurrency), []).append(
            Contender(
                id=row.id,
                number=row.number,
                group=row.group_path,
                superseded=Superseded(row.superseded),
                is_running=row.phase == Phase.RUNNING,
                stopping=row.stopping,
            )
        )
    return tuple(
        Contest(group=name, runs=(*of[:_SHOWN], *of[_SHOWN:][-1:]))
        for (_, name), of in contests.items()
        if not all(one.is_running for one in of)
    )
