"""Keys that all gateways share."""

from datetime import datetime

from sqlalchemy import select

from tidemill.kit.db import Transaction
from tidemill.services.gateway.store.login_tables import signing_keys


async def signing_key(tx: Transaction, name: str, new: bytes, now: datetime) -> bytes:
    """The key called so: *new* when there is none yet."""
    query = select(signing_keys.c.key).where(signing_keys.c.name == name)
    found: bytes | None = await tx.value(query)
    if found is None:
        await tx.insert_new(signing_keys, {"name": name, "key": new, "created_at": now})
        found = await tx.value(query)
    return bytes(found or b"")
