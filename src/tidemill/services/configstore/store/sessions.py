"""Questions about sessions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.account_tables import sessions
from tidemill.services.configstore.store.tables import org_members, users

_by_secret = (
    select(users, org_members.c.org_id, org_members.c.role, sessions.c.id.label("session_id"))
    .join(sessions, sessions.c.user_id == users.c.id)
    .outerjoin(org_members, org_members.c.user_id == users.c.id)
    .where(
        sessions.c.hash == bindparam("secret"),
        sessions.c.expires_at > bindparam("now"),
        users.c.is_disabled.is_(False),
    )
)


async def by_secret(tx: Snapshot, hash: bytes, now: datetime) -> list[AnyRow]:
    """Whose session has this hash: nothing, or the user with each of their memberships, or with none.

    Of a disabled user it is nobody's, as long as they are.
    """
    return await tx.all(_by_secret, {"secret": hash, "now": now})


async def of_user(tx: Snapshot, user_id: str, now: datetime) -> list[AnyRow]:
    """The sessions of a user that go on, newest first."""
    query = select(sessions).where(sessions.c.user_id == user_id, sessions.c.expires_at > now)
    return await tx.all(query.order_by(sessions.c.created_at.desc(), sessions.c.id))


async def add(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Begin a session."""
    await tx.run(sessions.insert().values(values))


async def forget_expired(tx: Transaction, now: datetime) -> None:
    """Forget whose time is over."""
    await tx.run(delete(sessions).where(sessions.c.expires_at <= now))


async def keep_newest(tx: Transaction, user_id: str, most: int) -> None:
    """End all sessions of a user but the *most* newest."""
    older = select(sessions.c.id).where(sessions.c.user_id == user_id)
    older = older.order_by(sessions.c.created_at.desc(), sessions.c.id).offset(most)
    ids = [row.id for row in await tx.all(older.limit(1000))]
    if ids:
        await tx.run(delete(sessions).where(sessions.c.id.in_(ids)))


async def end(tx: Transaction, user_id: str, id: str) -> bool:
    """End a session; False when the user has none of that id."""
    return await tx.run(delete(sessions).where(sessions.c.user_id == user_id, sessions.c.id == id)) == 1


async def end_all(tx: Transaction, user_id: str, but: str = "") -> None:
    """End all sessions of a user, but the one with that id."""
    await tx.run(delete(sessions).where(sessions.c.user_id == user_id, sessions.c.id != but))
