"""Questions about what is sealed, whatever it is: under which keys, and what is still under others."""

from collections import Counter

from sqlalchemy import func, or_, select, update

from tidemill.kit.crypto import Sealed
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.tables import remote_sources, secrets

#: Every table with sealed columns, in the order in which they are worked through.
TABLES = (secrets, remote_sources)

#: Without an envelope a nonce has as many bytes; earlier versions sealed so.
_NONCE_WITHOUT_ENVELOPE = 12


async def counted(tx: Snapshot) -> Counter[str]:
    """How many things are sealed under each key."""
    found: Counter[str] = Counter()
    for table in TABLES:
        query = select(table.c.key_id, func.count()).where(table.c.key_id.is_not(None))
        for key, number in map(tuple, await tx.all(query.group_by(table.c.key_id))):
            found[key] += number
    return found


async def otherwise(tx: Transaction, number: int, current: str, *, after: str, limit: int) -> list[AnyRow]:
    """Rows of a table that are not sealed as they would be now, by id; held, so that nobody changes them."""
    table = TABLES[number]
    is_otherwise = or_(table.c.key_id != current, func.length(table.c.nonce) == _NONCE_WITHOUT_ENVELOPE)
    query = select(table).where(table.c.key_id.is_not(None), is_otherwise, table.c.id > after)
    return await tx.all(query.order_by(table.c.id).limit(limit).with_for_update())


async def keep(tx: Transaction, number: int, id: str, sealed: Sealed) -> None:
    """Keep what was sealed anew."""
    table = TABLES[number]
    values = {"key_id": sealed.key_id, "nonce": sealed.nonce, "ciphertext": sealed.ciphertext}
    await tx.run(update(table).where(table.c.id == id).values(values))
