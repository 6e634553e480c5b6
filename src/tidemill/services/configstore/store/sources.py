"""Questions about remote sources and signing keys."""

from datetime import datetime

from sqlalchemy import select

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.tables import remote_sources, signing_keys


async def by_id(tx: Snapshot, id: str) -> AnyRow | None:
    """The remote source with this id."""
    return await tx.one(select(remote_sources).where(remote_sources.c.id == id))


async def by_name(tx: Snapshot, name: str) -> AnyRow | None:
    """The remote source called exactly so."""
    return await tx.one(select(remote_sources).where(remote_sources.c.name == name))


async def listed(tx: Snapshot, *, after: str, limit: int, ascending: bool) -> list[AnyRow]:
    """Remote sources by name, beyond *after* if given; limit 0 is no limit."""
    name = remote_sources.c.name
    query = select(remote_sources).order_by(name if ascending else name.desc())
    if after:
        query = query.where(name > after if ascending else name < after)
    return await tx.all(query.limit(limit) if limit else query)


async def signing_key(tx: Snapshot, name: str) -> bytes | None:
    """The key called so."""
    found: bytes | None = await tx.value(select(signing_keys.c.key).where(signing_keys.c.name == name))
    return found


async def keep_signing_key(tx: Transaction, *, name: str, key: bytes, now: datetime) -> bytes:
    """Keep *key* unless there is one of that name already; the one that is kept."""
    await tx.insert_new(signing_keys, {"name": name, "key": key, "created_at": now})
    return await signing_key(tx, name) or key
