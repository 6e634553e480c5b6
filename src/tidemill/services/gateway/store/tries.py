"""Questions about what has been tried too often."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, update

from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.gateway.store.login_tables import tries

_this = tries.c.key == bindparam("called")


async def forgiven_at(tx: Transaction, key: str, now: datetime) -> datetime:
    """When all that was tried is forgiven, *now* at the earliest; nobody else changes it meanwhile."""
    await tx.insert_new(tries, {"key": key, "forgiven_at": now})
    found: datetime = await tx.value(
        select(tries.c.forgiven_at).where(_this).with_for_update(), {"called": key}
    )
    return max(found, now)


async def set_forgiven_at(tx: Transaction, key: str, at: datetime) -> None:
    """Set that time."""
    await tx.run(update(tries).where(tries.c.key == key).values(forgiven_at=at))


async def sooner(tx: Transaction, key: str, by: timedelta) -> None:
    """Let that time come sooner."""
    found = await tx.value(select(tries.c.forgiven_at).where(_this).with_for_update(), {"called": key})
    if found is not None:
        await set_forgiven_at(tx, key, found - by)


async def forget_forgiven(tx: Transaction, now: datetime) -> None:
    """Forget what is forgiven."""
    await tx.run(delete(tries).where(tries.c.forgiven_at <= now))


async def count(tx: Snapshot) -> int:
    """How many there are."""
    found: int = await tx.value(select(func.count()).select_from(tries))
    return found


async def forget_mildest(tx: Transaction, number: int) -> None:
    """Forget the *number* that would be forgiven first."""
    mildest = select(tries.c.key).order_by(tries.c.forgiven_at).limit(number)
    await tx.run(delete(tries).where(tries.c.key.in_(mildest)))
