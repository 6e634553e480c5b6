"""Questions about remote sources and signing keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.tables import projects, remote_sources, signing_keys


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


async def add(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Add a remote source; False when the name is taken."""
    return await tx.insert_new(remote_sources, values)


async def lock(tx: Transaction, id: str) -> None:
    """Hold a remote source, so that no project is put on it meanwhile."""
    await tx.value(select(remote_sources.c.id).where(remote_sources.c.id == id).with_for_update())


async def change(tx: Transaction, id: str, values: Mapping[str, Any]) -> None:
    """Change some columns of a remote source."""
    await tx.run(update(remote_sources).where(remote_sources.c.id == id).values(values))


async def is_used(tx: Snapshot, id: str) -> bool:
    """Whether any project is on the remote source."""
    query = select(projects.c.id).where(projects.c.remote_source_id == id).limit(1)
    return await tx.value(query) is not None


async def remove(tx: Transaction, id: str) -> None:
    """Remove a remote source that no project is on."""
    await tx.run(delete(remote_sources).where(remote_sources.c.id == id))


async def signing_key(tx: Snapshot, name: str) -> bytes | None:
    """The key called so."""
    found: bytes | None = await tx.value(select(signing_keys.c.key).where(signing_keys.c.name == name))
    return found


async def keep_signing_key(tx: Transaction, *, name: str, key: bytes, now: datetime) -> bytes:
    """Keep *key* unless there is one of that name already; the one that is kept."""
    await tx.insert_new(signing_keys, {"name": name, "key": key, "created_at": now})
    return await signing_key(tx, name) or key
