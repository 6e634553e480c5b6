"""Questions about users and their tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.tables import org_members, user_tokens, users

_by_id = select(users).where(users.c.id == bindparam("user"))
_by_token = (
    select(users, org_members.c.org_id, org_members.c.role, user_tokens.c.name.label("token_name"))
    .join(user_tokens)
    .outerjoin(org_members, org_members.c.user_id == users.c.id)
    .where(user_tokens.c.hash == bindparam("token"), users.c.is_disabled.is_(False))
)


async def by_id(tx: Snapshot, id: str) -> AnyRow | None:
    """The user with this id."""
    return await tx.one(_by_id, {"user": id})


async def by_name(tx: Snapshot, name: str) -> AnyRow | None:
    """The user called exactly so."""
    return await tx.one(select(users).where(users.c.name == name))


async def hold(tx: Transaction, id: str) -> bool:
    """Keep a user from being removed before the transaction is over; False when they are gone."""
    query = select(users.c.id).where(users.c.id == id).with_for_update(read=True, key_share=True)
    return await tx.value(query) is not None


async def listed(tx: Snapshot, *, after: str, limit: int, ascending: bool) -> list[AnyRow]:
    """Users by name, beyond *after* if given; limit 0 is no limit."""
    query = select(users).order_by(users.c.name if ascending else users.c.name.desc())
    if after:
        query = query.where(users.c.name > after if ascending else users.c.name < after)
    return await tx.all(query.limit(limit) if limit else query)


async def add(tx: Transaction, *, id: str, name: str, is_admin: bool, now: datetime) -> bool:
    """Add a user; False when the name is taken."""
    return await tx.insert_new(users, {"id": id, "name": name, "is_admin": is_admin, "created_at": now})


async def change(tx: Transaction, id: str, changes: Mapping[str, bool]) -> None:
    """Change what a user is, by column: `is_admin`, `is_disabled`."""
    await tx.run(update(users).where(users.c.id == id).values(changes))


async def remove(tx: Transaction, id: str) -> None:
    """Remove a user with tokens, memberships, invitations, groups and projects."""
    await tx.run(delete(users).where(users.c.id == id))


async def token_names(tx: Snapshot, user_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The names of the tokens of each of these users, sorted."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(user_ids, ())
    query = select(user_tokens.c.user_id, user_tokens.c.name).where(user_tokens.c.user_id.in_(user_ids))
    for row in await tx.all(query.order_by(user_tokens.c.name)):
        found[row.user_id] += (row.name,)
    return found


async def add_token(tx: Transaction, *, hash: bytes, user_id: str, name: str, now: datetime) -> bool:
    """Keep a token's hash; False when the user has one of that name."""
    return await tx.insert_new(
        user_tokens, {"hash": hash, "user_id": user_id, "name": name, "created_at": now}
    )


async def remove_token(tx: Transaction, user_id: str, name: str) -> bool:
    """Forget a token; False when there is none of that name."""
    where = (user_tokens.c.user_id == user_id) & (user_tokens.c.name == name)
    return await tx.run(delete(user_tokens).where(where)) == 1


async def by_token(tx: Snapshot, hash: bytes) -> list[AnyRow]:
    """Whose token has this hash: nothing, or the user with each of their memberships, or with none.

    Of a disabled user it is nobody's, as long as they are.
    """
    return await tx.all(_by_token, {"token": hash})
