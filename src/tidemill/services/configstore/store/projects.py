"""Questions about projects."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.groups import subtree
from tidemill.services.configstore.store.tables import projects, remote_sources

_projects = select(projects, remote_sources.c.name.label("remote_source")).join(remote_sources)
_by_id = _projects.where(projects.c.id == bindparam("project"))
_in_group = _projects.where(
    projects.c.parent_id == bindparam("parent"), projects.c.name == bindparam("called")
)
_tree = subtree()
_below_groups = _projects.join(_tree, _tree.c.id == projects.c.parent_id)
_ids_below = select(projects.c.id).join(_tree, _tree.c.id == projects.c.parent_id)


async def by_id(tx: Snapshot, id: str) -> AnyRow | None:
    """The project with this id."""
    return await tx.one(_by_id, {"project": id})


async def in_group(tx: Snapshot, parent_id: str, name: str) -> AnyRow | None:
    """The project called so in a group."""
    return await tx.one(_in_group, {"parent": parent_id, "called": name})


async def in_groups(tx: Snapshot, parent_ids: Collection[str]) -> list[AnyRow]:
    """The projects directly in any of these groups, by name."""
    return await tx.all(_projects.where(projects.c.parent_id.in_(parent_ids)).order_by(projects.c.name))


async def below(tx: Snapshot, group_ids: Collection[str]) -> list[AnyRow]:
    """The projects in these groups and in all groups below them."""
    return await tx.all(_below_groups, {"groups": list(group_ids)})


async def ids_below(tx: Snapshot, group_id: str) -> tuple[str, ...]:
    """The ids of the projects in a group and in all groups below it."""
    return tuple(row.id for row in await tx.all(_ids_below, {"groups": [group_id]}))


async def act_below(tx: Snapshot, group_id: str) -> bool:
    """Whether members may act on the runs of any of these."""
    query = _ids_below.where(projects.c.members_can_perform_run_actions).limit(1)
    return bool(await tx.all(query, {"groups": [group_id]}))


async def lock(tx: Transaction, id: str) -> bool:
    """Hold a project while it is changed; False when it is gone."""
    return await tx.value(select(projects.c.id).where(projects.c.id == id).with_for_update()) is not None


async def add(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Add a project; False when its group has one of that name."""
    return await tx.insert_new(projects, values)


async def change(tx: Transaction, id: str, values: Mapping[str, Any]) -> None:
    """Change some columns of a project."""
    await tx.run(update(projects).where(projects.c.id == id).values(values))


async def remove(tx: Transaction, id: str) -> bool:
    """Remove a project; False when it is gone."""
    return await tx.run(delete(projects).where(projects.c.id == id)) == 1
