"""Questions about many runs, answered from narrow columns and along an index, however many are stored."""

from typing import Any

from sqlalchemy import Column, ColumnElement, Select, TextClause, select, union_all

from tidemill.contracts.runservice import RunQuery
from tidemill.core.explaining.nouns import Ahead
from tidemill.core.run import Phase, Result, Run
from tidemill.kit.contract import Page
from tidemill.kit.db import Snapshot, last_event
from tidemill.services.runservice import groups
from tidemill.services.runservice.store import counting, rows
from tidemill.services.runservice.store.tables import IS_OPEN, runs

_Query = Select[tuple[object, ...]]

#: Results that a run may have in each phase; the index by state is asked once for each pair.
_RESULTS = {
    Phase.SETUP_ERROR: (Result.UNKNOWN,),
    Phase.QUEUED: (Result.UNKNOWN,),
    Phase.CANCELLED: (Result.UNKNOWN,),
    Phase.RUNNING: tuple(Result),
    Phase.FINISHED: (Result.STOPPED, Result.SUCCESS, Result.FAILED),
}
_OPEN = frozenset({Phase.QUEUED, Phase.RUNNING})
_SHOWN = 100


async def page(tx: Snapshot, query: RunQuery) -> Page[Run]:
    """One page of runs; its cursor is the number or sequence that the next one starts after."""
    order = runs.c.number if query.group and groups.has_counter(query.group) else runs.c.sequence
    paging = _Paging(order, query)
    found = await tx.all(await _statement(tx, query, paging))
    shown = found[: query.limit] if query.limit else found
    cursor = str(getattr(shown[-1], order.name)) if len(shown) < len(found) else ""
    return Page(items=[rows.run_of(row) for row in shown], cursor=cursor)


class _Paging:
    """In which order, from where, and how many (one more than wanted tells whether there is more)."""

    def __init__(self, order: Column[Any], query: RunQuery) -> None:
        self.order = order
        self._after = query.after
        self._ascending = query.ascending
        self._limit = query.limit + 1 if query.limit else None

    def cut(self, stmt: _Query) -> _Query:
        if self._after is not None:
            stmt = stmt.where(self.order > self._after if self._ascending else self.order < self._after)
        return self.sort(stmt, self.order)

    def sort(self, stmt: _Query, column: ColumnElement[Any]) -> _Query:
        return stmt.order_by(column if self._ascending else column.desc()).limit(self._limit)


async def _statement(tx: Snapshot, query: RunQuery, paging: _Paging) -> _Query:
    pairs = _pairs(query)
    everything = select(runs)
    if not query.group or not groups.has_counter(query.group):
        below = [counting.below(runs.c.group_path, query.group)] if query.group else []
        return paging.cut(everything.where(*below, *_filters(query)))
    counted = runs.c.counter_path == groups.counter_path(query.group)
    if query.group != groups.counter_path(query.group):
        if await counting.groups_below(tx, query.group, 2) in ([query.group], []):
            return paging.cut(everything.where(runs.c.group_path == query.group, *_filters(query)))
        counted &= counting.below(runs.c.group_path, query.group)
    if pairs is None:
        return paging.cut(everything.where(counted))
    return _by_state(paging, counted, pairs)


def _by_state(paging: _Paging, where: ColumnElement[bool], pairs: list[tuple[Phase, Result]]) -> _Query:
    """Runs in any of these states: the first of each by the index, and of those the first of all."""
    first = [
        paging.cut(
            select(runs.c.sequence, runs.c.number).where(
                where, runs.c.phase == phase, runs.c.result == result
            )
        ).subquery()
        for phase, result in pairs
    ]
    if not first:
        return select(runs).where(runs.c.sequence < 0)
    found = union_all(*(select(one) for one in first)).subquery()
    return paging.sort(select(runs).join(found, runs.c.sequence == found.c.sequence), paging.order)


def _pairs(query: RunQuery) -> list[tuple[Phase, Result]] | None:
    """The states asked for; None when any will do."""
    if not query.phases and not query.results:
        return None
    return [
        (phase, result)
        for phase, results in _RESULTS.items()
        for result in results
        if (not query.phases or phase in query.phases) and (not query.results or result in query.results)
    ]


def _filters(query: RunQuery) -> list[ColumnElement[bool] | TextClause]:
    filters: list[ColumnElement[bool] | TextClause] = []
    if query.phases:
        filters.append(runs.c.phase.in_(query.phases))
        if _OPEN.issuperset(query.phases):
            filters.append(IS_OPEN)
    if query.results:
        filters.append(runs.c.result.in_(query.results))
    return filters


async def version(tx: Snapshot) -> int:
    """Grows whenever a run is created, or has another phase or result."""
    return await last_event(tx, "run")


async def is_at_work(tx: Snapshot, counter_path: str, concurrency: str) -> bool:
    """Whether a run of a concurrency group is running."""
    query = select(runs.c.id).where(
        IS_OPEN,
        runs.c.phase == Phase.RUNNING,
        runs.c.counter_path == counter_path,
        runs.c.concurrency == concurrency,
    )
    return await tx.value(query.limit(1)) is not None


async def ahead(tx: Snapshot, sequence: int, group: str, concurrency: str) -> list[Ahead]:
    """Runs that a queued one waits for: running ones first, then those queued before it."""
    same_group = runs.c.group_path == group
    contest = (runs.c.counter_path == groups.counter_path(group)) & (runs.c.concurrency == concurrency)
    query = (
        select(runs.c.number, runs.c.phase, runs.c.group_path)
        .where(
            IS_OPEN,
            runs.c.sequence != sequence,
            (runs.c.phase == Phase.RUNNING) | (runs.c.sequence < sequence),
            same_group | contest if concurrency else same_group,
        )
        .order_by(runs.c.phase.desc(), runs.c.sequence)
        .limit(_SHOWN)
    )
    return [
        Ahead(
            number=row.number,
            is_running=row.phase == Phase.RUNNING,
            concurrency="" if row.group_path == group else concurrency,
        )
        for row in await tx.all(query)
    ]
