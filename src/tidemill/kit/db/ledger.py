"""The tables that every database of ours has beside its service's own: identity, and the event feed."""

import itertools
import secrets
from datetime import datetime

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from tidemill.kit.db.instant import Instant
from tidemill.kit.db.transaction import AnyRow, Event, Snapshot, Transaction

metadata = MetaData()

identity = Table(
    "tidemill_identity",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    # Random, and replaced by an import: whoever kept a cursor learns that history is another one.
    Column("epoch", Text, nullable=False),
    Column("format", Integer, nullable=False),
)
# The counter is apart from the identity: every write looks at that row, only emitting ones touch this.
feed = Table(
    "tidemill_feed",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)
events = Table(
    "tidemill_events",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
)

_LAST = select(feed.c.last)
_BEHIND = (
    select(events)
    .where(events.c.sequence > bindparam("behind"))
    .order_by(events.c.sequence)
    .limit(bindparam("most"))
)
_LAST_OF_KIND = (
    select(events.c.sequence)
    .where(events.c.kind == bindparam("of"))
    .order_by(events.c.sequence.desc())
    .limit(1)
)
_REACH = select(
    select(identity.c.epoch).scalar_subquery().label("epoch"),
    select(func.min(events.c.sequence)).scalar_subquery().label("oldest"),
    _LAST.scalar_subquery().label("last"),
)

#: Of the tables above; a database with a higher one was written by a newer Tidemill.
FORMAT = 1


def create(connection: Connection) -> None:
    """Create these tables in an empty database, with an epoch of its own."""
    metadata.create_all(connection)
    connection.execute(insert(identity).values(one=1, epoch=secrets.token_hex(8), format=FORMAT))
    connection.execute(insert(feed).values(one=1, last=0))


def _event(row: AnyRow) -> Event:
    return Event(sequence=row.sequence, kind=row.kind, key=row.key, payload=row.payload, at=row.at)


async def last_event(snapshot: Snapshot, kind: str = "") -> int:
    """The sequence of the newest event (of a *kind* that is kept) in a state of the database, 0 for none."""
    if kind:
        return await snapshot.value(_LAST_OF_KIND, {"of": kind}) or 0
    last: int = await snapshot.value(_LAST)
    return last


class Reach(msgspec.Struct, frozen=True):
    """What of the feed can be read: events from *oldest* to *last*; none where *oldest* is the greater."""

    epoch: str
    oldest: int
    last: int


async def reach(snapshot: Snapshot) -> Reach:
    """How far the feed goes in a state of the database; what is older than that was purged."""
    row = await snapshot.one(_REACH)
    assert row is not None
    return Reach(row.epoch, row.last + 1 if row.oldest is None else row.oldest, row.last)


async def events_behind(snapshot: Snapshot, sequence: int, limit: int) -> list[Event]:
    """The first events behind *sequence*, in order and without gaps, unless some were purged."""
    rows = await snapshot.all(_BEHIND, {"behind": sequence, "most": limit})
    return [_event(row) for row in rows]


async def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove up to *limit* of the oldest events, as long as they are from *before*; answers how many.

    The numbers go on: the newest one that was given stands apart from the events.
    """
    oldest = await tx.all(select(events.c.sequence, events.c.at).order_by(events.c.sequence).limit(limit))
    gone = [row.sequence for row in itertools.takewhile(lambda row: row.at < before, oldest)]
    if gone:
        await tx.run(delete(events).where(events.c.sequence <= gone[-1]))
    return len(gone)
