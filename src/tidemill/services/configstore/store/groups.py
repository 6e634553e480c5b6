"""Questions about project groups and where things stand in their tree."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import CTE, Select, Text, bindparam, case, delete, func, literal, or_, select, update

from tidemill.contracts.configstore import Visibility
from tidemill.core.permissions import OwnerKind
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.tables import org_members, organizations, project_groups, users

#: How deep groups may be nested below a root group.
MOST_LEVELS = 100


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A group and all that it inherits from the groups above it."""

    id: str
    name: str
    path: str
    parent_path: str
    visibility: Visibility
    global_visibility: Visibility
    owner: str
    """The id of the user or organization whose root group is the topmost."""
    owner_kind: OwnerKind

    def below(self, row: AnyRow) -> "Place":
        """The place of a child group of this one."""
        return Place(
            id=row.id,
            name=row.name,
            path=f"{self.path}/{row.name}",
            parent_path=self.path,
            visibility=row.visibility,
            global_visibility=narrower(self.global_visibility, row.visibility),
            owner=self.owner,
            owner_kind=self.owner_kind,
        )


def narrower(above: Visibility, own: Visibility) -> Visibility:
    """Private as soon as one of both is."""
    return "private" if "private" in (above, own) else "public"


async def place(tx: Snapshot, id: str) -> Place | None:
    """Where the group with this id stands."""
    chain = await lineage(tx, id)
    return chain[-1] if chain else None


async def lineage(tx: Snapshot, id: str) -> list[Place]:
    """The group with this id and those above it, root first; empty when there is none."""
    chain: list[Place] = []
    for row in await tx.all(_CHAIN, {"group": id}):
        chain.append(chain[-1].below(row) if chain else _root(row))
    return chain


_OWNER = (
    users.c.name.label("user_name"),
    organizations.c.name.label("org_name"),
    organizations.c.visibility.label("org_visibility"),
)


def _chain() -> Select[tuple[object, ...]]:
    """The group and those above it, root first, the root with its owner."""
    up = (
        select(project_groups, literal(0).label("height"))
        .where(project_groups.c.id == bindparam("group"))
        .cte("up", recursive=True)
    )
    above = select(project_groups, up.c.height + 1).join(up, project_groups.c.id == up.c.parent_id)
    up = up.union_all(above)
    return (
        select(up, *_OWNER)
        .outerjoin(users, users.c.id == up.c.user_id)
        .outerjoin(organizations, organizations.c.id == up.c.org_id)
        .order_by(up.c.height.desc())
    )


_CHAIN = _chain()


def _root(row: AnyRow) -> Place:
    """A root group; nothing of a private organization is public, whatever its groups say."""
    is_user = row.user_id is not None
    path = f"user/{row.user_name}" if is_user else f"org/{row.org_name}"
    return Place(
        id=row.id,
        name="",
        path=path,
        parent_path=path,
        visibility=row.visibility,
        global_visibility=row.visibility if is_user else narrower(row.org_visibility, row.visibility),
        owner=row.user_id if is_user else row.org_id,
        owner_kind="user" if is_user else "org",
    )


_ROOT_OF = {
    "user": select(project_groups, users.c.name.label("user_name"))
    .join(users)
    .where(users.c.name == bindparam("owner")),
    "org": select(
        project_groups,
        organizations.c.name.label("org_name"),
        organizations.c.visibility.label("org_visibility"),
    )
    .join(organizations)
    .where(organizations.c.name == bindparam("owner")),
}


async def root_of(tx: Snapshot, kind: OwnerKind, name: str) -> Place | None:
    """The root group of the user or organization called so."""
    row = await tx.one(_ROOT_OF[kind], {"owner": name})
    return None if row is None else _root(row)


_OWNED_ROOTS = (
    select(project_groups, *_OWNER)
    .outerjoin(users, users.c.id == project_groups.c.user_id)
    .outerjoin(organizations, organizations.c.id == project_groups.c.org_id)
    .where(
        or_(
            project_groups.c.user_id == bindparam("user"),
            project_groups.c.org_id.in_(
                select(org_members.c.org_id).where(
                    org_members.c.user_id == bindparam("user"), org_members.c.role == "owner"
                )
            ),
        )
    )
)


async def owned_roots(tx: Snapshot, user_id: str) -> list[Place]:
    """The user's own root group, and those of the organizations of which they are an owner."""
    return [_root(row) for row in await tx.all(_OWNED_ROOTS, {"user": user_id})]


async def descend(tx: Snapshot, place: Place, names: Sequence[str]) -> Place | None:
    """Follow *names* down from *place*."""
    if len(names) > MOST_LEVELS:
        return None
    given = {f"name{depth}": name for depth, name in enumerate(names)}
    rows = await tx.all(_descent(len(names)), {"group": place.id, **given}) if names else []
    for row in rows:
        place = place.below(row)
    return place if len(rows) == len(names) else None


@cache
def _descent(depth: int) -> Select[tuple[object, ...]]:
    """The groups on a path of so many names, the first below the root of the path first."""
    group = project_groups.c
    start = select(group.id.label("id"), literal(0).label("depth")).where(group.id == bindparam("group"))
    down = start.cte("down", recursive=True)
    name = case(*((down.c.depth == n, bindparam(f"name{n}", type_=Text)) for n in range(depth)))
    step = select(group.id, down.c.depth + 1).join(down, group.parent_id == down.c.id)
    down = down.union_all(step.where(group.name == name))
    below = select(project_groups).join(down, group.id == down.c.id).where(down.c.depth > 0)
    return below.order_by(down.c.depth)


async def named(tx: Snapshot, parent_id: str, name: str) -> str | None:
    """The id of the group called so in a group."""
    found: str | None = await tx.value(
        select(project_groups.c.id).where(
            project_groups.c.parent_id == parent_id, project_groups.c.name == name
        )
    )
    return found


async def children(tx: Snapshot, place: Place) -> list[Place]:
    """The groups directly below *place*, by name."""
    rows = await tx.all(_children(place.id).order_by(project_groups.c.name))
    return [place.below(row) for row in rows]


def subtree() -> CTE:
    """The groups whose ids are bound as `groups` and all that are under them, with their depth below them."""
    start = select(project_groups.c.id, literal(0).label("depth"))
    of = project_groups.c.id.in_(bindparam("groups", expanding=True))
    down = start.where(of).cte("down", recursive=True)
    step = select(project_groups.c.id, down.c.depth + 1)
    return down.union_all(step.join(down, project_groups.c.parent_id == down.c.id))


_BELOW = subtree()
_TREE = (
    select(project_groups)
    .join(_BELOW, project_groups.c.id == _BELOW.c.id)
    .where(_BELOW.c.depth > 0)
    .order_by(_BELOW.c.depth, project_groups.c.name)
)
_HEIGHT = select(func.max(_BELOW.c.depth))
_SIZE = select(func.count()).select_from(_BELOW)
_LOCKED_TREE = select(project_groups.c.id).where(project_groups.c.id.in_(select(_BELOW.c.id)))


async def trees(tx: Snapshot, places: Sequence[Place]) -> dict[str, Place]:
    """*places* and every group below them, by id; none of them is below another."""
    found = {place.id: place for place in places}
    for row in await tx.all(_TREE, {"groups": list(found)}):
        found[row.id] = found[row.parent_id].below(row)
    return found


async def height(tx: Snapshot, id: str) -> int:
    """How many levels of groups are below the group with this id."""
    return int(await tx.value(_HEIGHT, {"groups": [id]}) or 0)


async def lock_tree(tx: Transaction, id: str) -> None:
    """Hold the group and all that are below it, also those that are added while this waits."""
    locked = -1
    while locked != await tx.value(_SIZE, {"groups": [id]}):
        locked = len(await tx.all(_LOCKED_TREE.with_for_update(), {"groups": [id]}))


async def lock(tx: Transaction, id: str) -> bool:
    """Hold the group so that names in it are given one at a time; False when it is gone."""
    query = select(project_groups.c.id).where(project_groups.c.id == id).with_for_update()
    return await tx.value(query) is not None


async def add_root(
    tx: Transaction, *, id: str, kind: OwnerKind, owner: str, visibility: str, now: datetime
) -> None:
    """Add the root group of a user or organization; it has no name."""
    values = {f"{kind}_id": owner, "name": "", "visibility": visibility, "created_at": now}
    await tx.insert_new(project_groups, {"id": id} | values)


async def add(tx: Transaction, *, id: str, parent_id: str, name: str, visibility: str, now: datetime) -> bool:
    """Add a group; False when its parent has one of that name."""
    values = {
        "id": id,
        "parent_id": parent_id,
        "name": name,
        "visibility": visibility,
        "created_at": now,
    }
    return await tx.insert_new(project_groups, values)


async def change(tx: Transaction, id: str, values: Mapping[str, Any]) -> None:
    """Change some columns of a group."""
    await tx.run(update(project_groups).where(project_groups.c.id == id).values(values))


async def remove(tx: Transaction, id: str) -> None:
    """Remove a group with everything below it."""
    await tx.run(delete(project_groups).where(project_groups.c.id == id))


def _children(id: str) -> Select[tuple[object, ...]]:
    return select(project_groups).where(project_groups.c.parent_id == id)
