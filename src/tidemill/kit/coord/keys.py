"""The embedded coordinator's tables: keys as they are, and the changes that made them so."""

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
)

from tidemill.errors import Conflict
from tidemill.kit.coord.coordinator import Change, Entry, Listing
from tidemill.kit.db import AnyRow, Snapshot, Transaction

metadata = MetaData()
table = Table(
    "keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False, unique=True),
    Column("lease", Text, nullable=False, index=True),
)
history = Table(
    "changes",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary),
)


async def find(snapshot: Snapshot, key: str) -> Entry | None:
    """The entry of *key*."""
    row = await snapshot.one(select(table).where(table.c.key == key))
    return None if row is None else _entry(row)


async def under(snapshot: Snapshot, prefix: str) -> Listing:
    """The entries under *prefix*, by key, and the revision of the whole."""
    rows = await snapshot.all(select(table).where(_under(table.c.key, prefix)).order_by(table.c.key))
    return Listing(entries=tuple(map(_entry, rows)), revision=await _last(snapshot))


async def changes(snapshot: Snapshot, prefix: str, after: int) -> list[Change]:
    """The changes under *prefix* behind the revision *after*; Conflict when they are not all known."""
    first = await snapshot.value(select(func.min(history.c.revision))) or 1
    last = await _last(snapshot)
    if after < first - 1 or after > last:
        raise Conflict(
            f"the changes after revision {after} are not known any more; list again", code="compacted"
        )
    stmt = select(history).where(history.c.revision > after, _under(history.c.key, prefix))
    rows = await snapshot.all(stmt.order_by(history.c.revision))
    return [Change(key=row.key, value=row.value, revision=row.revision) for row in rows]


async def compare(tx: Transaction, key: str, revision: int | None) -> None:
    """Conflict unless *key* was last changed at *revision* (0: is not there); None compares nothing."""
    if revision is None:
        return
    found = await tx.value(select(table.c.revision).where(table.c.key == key)) or 0
    if found != revision:
        raise Conflict(f"{key!r} has changed since revision {revision}; read it again", code="revision")


async def put(tx: Transaction, key: str, value: bytes, lease: str) -> Change:
    """Set *key*."""
    change = await _record(tx, key, value)
    await tx.run(delete(table).where(table.c.key == key))
    await tx.run(insert(table).values(key=key, value=value, revision=change.revision, lease=lease))
    return change


async def drop(tx: Transaction, which: ColumnElement[bool]) -> list[Change]:
    """Remove every key that is *which*."""
    rows = await tx.all(select(table.c.key).where(which).order_by(table.c.key))
    await tx.run(delete(table).where(which))
    return [await _record(tx, row.key, None) for row in rows]


async def drop_leased(tx: Transaction) -> list[Change]:
    """Remove every key that a lease held: at the start their holders are gone."""
    return await drop(tx, table.c.lease != "")


async def forget(tx: Transaction, kept: int) -> None:
    """Cut the history down to the newest *kept* changes."""
    await tx.run(delete(history).where(history.c.revision <= await _last(tx) - kept))


async def _record(tx: Transaction, key: str, value: bytes | None) -> Change:
    change = Change(key=key, value=value, revision=await _last(tx) + 1)
    await tx.run(insert(history).values(revision=change.revision, key=key, value=value))
    return change


async def _last(snapshot: Snapshot) -> int:
    """The newest revision; its change is never forgotten, so that none is given twice."""
    last: int = await snapshot.value(select(func.max(history.c.revision))) or 0
    return last


def _under(key: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    return and_(key >= prefix, key < prefix + "\U0010ffff")


def _entry(row: AnyRow) -> Entry:
    return Entry(key=row.key, value=row.value, revision=row.revision, lease=row.lease)
