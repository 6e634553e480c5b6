"""Questions about invitations to organizations."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.organizations import by_names
from tidemill.services.configstore.store.tables import org_invitations, organizations, users

_invitations = (
    select(
        org_invitations,
        users.c.name.label("user_name"),
        organizations.c.name.label("org_name"),
        organizations.c.visibility,
    )
    .join(users, users.c.id == org_invitations.c.user_id)
    .join(organizations, organizations.c.id == org_invitations.c.org_id)
)


async def of_org(tx: Snapshot, org_id: str, *, after: str, limit: int, ascending: bool) -> list[AnyRow]:
    """Those to an organization, by the name of the user, beyond *after* if given."""
    query = _invitations.where(org_invitations.c.org_id == org_id)
    return await tx.all(by_names(query, users.c.name, after=after, limit=limit, ascending=ascending))


async def of_user(tx: Snapshot, user_id: str, *, after: str, limit: int, ascending: bool) -> list[AnyRow]:
    """Those of a user, by the name of the organization, beyond *after* if given."""
    query = _invitations.where(org_invitations.c.user_id == user_id)
    return await tx.all(by_names(query, organizations.c.name, after=after, limit=limit, ascending=ascending))


async def one(tx: Snapshot, org_id: str, user_id: str) -> AnyRow | None:
    """The user's invitation to the organization."""
    return await tx.one(_invitations.where(_of(org_id, user_id)))


async def add(tx: Transaction, *, id: str, org_id: str, user_id: str, role: str, now: datetime) -> bool:
    """Invite a user; False when they are invited already."""
    values = {"id": id, "org_id": org_id, "user_id": user_id, "role": role, "created_at": now}
    return await tx.insert_new(org_invitations, values)


async def remove(tx: Transaction, org_id: str, user_id: str) -> bool:
    """False when there is no such invitation."""
    return await tx.run(delete(org_invitations).where(_of(org_id, user_id))) == 1


def _of(org_id: str, user_id: str) -> Any:
    return (org_invitations.c.org_id == org_id) & (org_invitations.c.user_id == user_id)
