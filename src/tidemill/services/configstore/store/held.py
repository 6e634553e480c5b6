"""Questions about what projects and groups hold: secrets and variables, which are kept alike."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, or_, select, update

from tidemill.contracts.secrets import ParentKind
from tidemill.core.names import is_valid_name
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.tables import project_groups, projects


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A project or group that can hold something."""

    kind: ParentKind
    id: str
    path: str
    owner: str
    """The id of the user or organization that it belongs to."""

    def columns(self) -> dict[str, str]:
        """What stands in a row that belongs to it."""
        return {"project_id" if self.kind == "projects" else "group_id": self.id}


async def listed(
    tx: Snapshot,
    table: Table,
    levels: Sequence[Level],
    *,
    names: Collection[str] | None = None,
    nearest: bool = False,
) -> list[tuple[int, AnyRow]]:
    """What these levels hold (called so, if *names* are given): nearest first, then by name.

    Each with the number of its level in *levels*; of each name only the first if *nearest*.
    """
    query = select(table).where(or_(*(_held_by(table, level) for level in levels))).order_by(table.c.name)
    if names is not None:
        query = query.where(table.c.name.in_(names))
    numbers = {level.id: number for number, level in enumerate(levels)}
    found = [(numbers[row.project_id or row.group_id], row) for row in await tx.all(query)]
    found.sort(key=lambda pair: pair[0])
    if not nearest:
        return found
    first: dict[str, tuple[int, AnyRow]] = {}
    for pair in found:
        first.setdefault(pair[1].name, pair)
    return list(first.values())


async def named(tx: Snapshot, table: Table, level: Level, name: str) -> AnyRow | None:
    """The one called so; a name that nothing may have is no question for a database."""
    if not is_valid_name(name):
        return None
    return await tx.one(select(table).where(_held_by(table, level), table.c.name == name))


async def hold(tx: Transaction, level: Level) -> bool:
    """Let names be given at this level one at a time until the commit; False when it is gone."""
    table = projects if level.kind == "projects" else project_groups
    return await tx.value(select(table.c.id).where(table.c.id == level.id).with_for_update()) is not None


async def add(tx: Transaction, table: Table, level: Level, values: Mapping[str, Any], now: datetime) -> bool:
    """Add one; False when the level has one of that name."""
    times = {"created_at": now, "changed_at": now}
    return await tx.insert_new(table, {**times, **level.columns(), **values})


async def change(tx: Transaction, table: Table, id: str, values: Mapping[str, Any]) -> None:
    """Change some columns of one."""
    await tx.run(update(table).where(table.c.id == id).values(values))


async def remove(tx: Transaction, table: Table, id: str) -> bool:
    """Remove one; False when it is gone."""
    return await tx.run(delete(table).where(table.c.id == id)) == 1


def _held_by(table: Table, level: Level) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in level.columns().items()))
