"""Questions about the place in the event feed: how far, since when, and who is working on it."""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, select, update

from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.notification.store.tables import places

_place = select(places)
_locked = _place.with_for_update()
_moved = update(places).values(position=bindparam("to"), held_until=bindparam("until"))
_taken = update(places).values(holder=bindparam("who"), held_until=bindparam("until"))


class Place(msgspec.Struct, frozen=True):
    """Where the feed is read on."""

    position: str
    """The id of the last event that was worked on; "" is none yet."""
    since: datetime
    """Events from before that are nobody's business."""


async def begin(tx: Transaction, now: datetime) -> None:
    """Remember from when on events count, unless that is known."""
    row = {"one": 1, "position": "", "since": now, "holder": "", "held_until": now}
    await tx.insert_new(places, row)


async def forget(tx: Transaction) -> None:
    """Remember nothing: what happens from now on is nobody's business."""
    await tx.run(delete(places))


async def take(tx: Transaction, who: str, now: datetime, until: datetime, *, by_force: bool) -> Place | None:
    """Hold the place; None while another holds it, unless it is taken *by_force*."""
    row = await tx.one(_locked)
    if row is None or not (by_force or row.holder == who or row.held_until <= now):
        return None
    await tx.run(_taken, {"who": who, "until": until})
    return Place(row.position, row.since)


async def move(tx: Transaction, who: str, old: str, new: str, until: datetime) -> bool:
    """Go from one position to the next, if the place is still held and there; holds it on."""
    row = await tx.one(_locked)
    if row is None or row.holder != who or row.position != old:
        return False
    await tx.run(_moved, {"to": new, "until": until})
    return True


async def release(tx: Transaction, who: str, now: datetime) -> None:
    """Let another take it at once, if it is held."""
    row = await tx.one(_locked)
    if row is not None and row.holder == who:
        await tx.run(_taken, {"who": "", "until": now})


async def position(tx: Snapshot) -> str | None:
    """How far the feed was worked on; None when nobody follows it."""
    row = await tx.one(_place)
    return None if row is None else str(row.position)
