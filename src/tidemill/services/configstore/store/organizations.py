"""Questions about organizations and who belongs to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.tables import org_members, organizations, project_groups, users

_by_id = select(organizations).where(organizations.c.id == bindparam("org"))
_by_name = select(organizations).where(organizations.c.name == bindparam("called"))


async def by_id(tx: Snapshot, id: str) -> AnyRow | None:
    """The organization with this id."""
    return await tx.one(_by_id, {"org": id})


async def by_name(tx: Snapshot, name: str) -> AnyRow | None:
    """The organization called exactly so."""
    return await tx.one(_by_name, {"called": name})


async def listed(tx: Snapshot, *, after: str, limit: int, ascending: bool, only_public: bool) -> list[AnyRow]:
    """Organizations by name, beyond *after* if given; limit 0 is no limit."""
    query = select(organizations)
    if only_public:
        query = query.where(organizations.c.visibility == "public")
    return await tx.all(by_names(query, organizations.c.name, after=after, limit=limit, ascending=ascending))


def by_names(query: Select[Any], name: Any, *, after: str, limit: int, ascending: bool) -> Select[Any]:
    """*query* in the order of the column *name*, beyond *after* if given; limit 0 is no limit."""
    query = query.order_by(name if ascending else name.desc())
    if after:
        query = query.where(name > after if ascending else name < after)
    return query.limit(limit) if limit else query


async def hold(tx: Transaction, id: str) -> bool:
    """Let its visibility and its people be changed by one at a time; False when it is gone."""
    query = select(organizations.c.id).where(organizations.c.id == id).with_for_update()
    return await tx.value(query) is not None


async def add(tx: Transaction, *, id: str, name: str, visibility: str, now: datetime) -> bool:
    """Add an organization; False when the name is taken."""
    values = {"id": id, "name": name, "visibility": visibility, "created_at": now}
    return await tx.insert_new(organizations, values)


async def show_to(tx: Transaction, id: str, visibility: str) -> None:
    """Make it public or private, and its root group with it."""
    await tx.run(update(organizations).where(organizations.c.id == id).values(visibility=visibility))
    await tx.run(update(project_groups).where(project_groups.c.org_id == id).values(visibility=visibility))


async def remove(tx: Transaction, id: str) -> None:
    """Remove it with all that it has."""
    await tx.run(delete(organizations).where(organizations.c.id == id))


async def members(tx: Snapshot, org_id: str, *, after: str, limit: int, ascending: bool) -> list[AnyRow]:
    """Users who belong to it with their roles, by name, beyond *after* if given."""
    query = select(users, org_members.c.role).join(org_members).where(org_members.c.org_id == org_id)
    return await tx.all(by_names(query, users.c.name, after=after, limit=limit, ascending=ascending))


async def of_user(tx: Snapshot, user_id: str, *, after: str, limit: int, ascending: bool) -> list[AnyRow]:
    """Organizations that the user belongs to with their role there, by name, beyond *after* if given."""
    query = select(organizations, org_members.c.role).join(org_members)
    query = query.where(org_members.c.user_id == user_id)
    return await tx.all(by_names(query, organizations.c.name, after=after, limit=limit, ascending=ascending))


async def is_member(tx: Snapshot, org_id: str, user_id: str) -> bool:
    """Whether the user belongs to it."""
    return await tx.value(select(org_members.c.role).where(_one(org_id, user_id))) is not None


async def set_member(tx: Transaction, org_id: str, user_id: str, role: str, now: datetime) -> None:
    """Make a user belong to it, or change their role."""
    values = {"org_id": org_id, "user_id": user_id, "role": role, "created_at": now}
    if not await tx.insert_new(org_members, values):
        await tx.run(update(org_members).where(_one(org_id, user_id)).values(role=role))


async def remove_member(tx: Transaction, org_id: str, user_id: str) -> bool:
    """False when the user does not belong to it."""
    return await tx.run(delete(org_members).where(_one(org_id, user_id))) == 1


def _one(org_id: str, user_id: str) -> Any:
    return (org_members.c.org_id == org_id) & (org_members.c.user_id == user_id)
