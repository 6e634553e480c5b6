"""Numbers without gaps: the sequence of all runs, the numbers of a counter group, the token of a group."""

from collections.abc import Collection
from functools import cache

from sqlalchemy import ColumnElement, Executable, bindparam, select, update

from tidemill.kit.db import Snapshot, Transaction, upsert
from tidemill.services.runservice.store.tables import counters, groups

#: Where the sequence of all runs is counted.
_SEQUENCE = ""

_tokens = select(groups).where(groups.c.path.in_(bindparam("these", expanding=True)))
_change = update(groups).where(groups.c.path == bindparam("of")).values(token=groups.c.token + 1)
_exchange = _change.where(groups.c.token == bindparam("was"))


async def next_sequence(tx: Transaction, count: int) -> int:
    """The first of *count* new sequences. Creations take turns here, so that order is commit order."""
    return await _next(tx, _SEQUENCE, count)


async def next_number(tx: Transaction, counter_path: str, count: int) -> int:
    """The first of *count* new run numbers of a counter group."""
    return await _next(tx, counter_path, count)


async def _next(tx: Transaction, path: str, count: int) -> int:
    last: int = await tx.value(_count(tx.dialect), {"path": path, "last": count})
    return last - count + 1


@cache
def _count(dialect: str) -> Executable:
    new = upsert(dialect, counters)
    added = {"last": counters.c.last + new.excluded.last}
    return new.on_conflict_do_update(index_elements=[counters.c.path], set_=added).returning(counters.c.last)


async def know_group(tx: Transaction, path: str) -> None:
    """Make sure that a group has a token, and keeps it until this is committed: its row is locked."""
    await tx.run(_know(tx.dialect), {"path": path, "token": 1})


@cache
def _know(dialect: str) -> Executable:
    new = upsert(dialect, groups)
    return new.on_conflict_do_update(index_elements=[groups.c.path], set_={"token": groups.c.token})


async def tokens(tx: Snapshot, paths: Collection[str]) -> dict[str, int]:
    """The token of each of these groups."""
    found = await tx.all(_tokens, {"these": paths})
    return {row.path: row.token for row in found}


async def change_group(tx: Transaction, path: str, *, was: int | None = None) -> bool:
    """Renew a group's token; False if it is not (any more) what it *was*."""
    if was is None:
        return await tx.run(_change, {"of": path}) == 1
    return await tx.run(_exchange, {"of": path, "was": was}) == 1


async def groups_below(tx: Snapshot, path: str, limit: int) -> list[str]:
    """Up to *limit* of the groups that *path* is an element-wise prefix of, itself among them."""
    query = select(groups.c.path).where(below(groups.c.path, path)).limit(limit)
    return [found for (found,) in await tx.all(query)]


def below(column: ColumnElement[str], path: str) -> ColumnElement[bool]:
    """Groups that *path* is an element-wise prefix of, itself among them; "0" is the character after "/"."""
    return (column == path) | ((column > path + "/") & (column < path + "0"))
