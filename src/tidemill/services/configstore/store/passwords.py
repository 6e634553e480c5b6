"""Questions about what is kept of passwords."""

from datetime import datetime

from sqlalchemy import select, update

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.account_tables import passwords
from tidemill.services.configstore.store.tables import users


async def by_name(tx: Snapshot, name: str) -> AnyRow | None:
    """The user called exactly so, with what is kept of their password."""
    return await tx.one(
        select(users, passwords.c.hash, passwords.c.version).join(passwords).where(users.c.name == name)
    )


async def of_user(tx: Snapshot, user_id: str) -> AnyRow | None:
    """What is kept of a user's password."""
    return await tx.one(select(passwords).where(passwords.c.user_id == user_id))


async def version(tx: Transaction, user_id: str) -> int | None:
    """Which password of theirs is set; it stays so until the transaction ends."""
    query = select(passwords.c.version).where(passwords.c.user_id == user_id)
    found: int | None = await tx.value(query.with_for_update())
    return found


async def add(tx: Transaction, user_id: str, hash: str, now: datetime) -> bool:
    """Keep a user's first password; False when there is one."""
    return await tx.insert_new(passwords, {"user_id": user_id, "hash": hash, "version": 1, "changed_at": now})


async def change(tx: Transaction, user_id: str, version: int, hash: str, now: datetime) -> bool:
    """Put another password in the place of the one with that version; False when that is not set any more."""
    query = update(passwords).where(passwords.c.user_id == user_id, passwords.c.version == version)
    return await tx.run(query.values(hash=hash, version=version + 1, changed_at=now)) == 1


async def renew(tx: Transaction, user_id: str, was: str, hash: str) -> None:
    """Keep another hash of the same password."""
    query = update(passwords).where(passwords.c.user_id == user_id, passwords.c.hash == was)
    await tx.run(query.values(hash=hash))
