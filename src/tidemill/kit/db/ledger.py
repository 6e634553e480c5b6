"""The tables that every database of ours has beside its service's own: identity, and the event feed."""

import itertools
import secrets
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    delete,
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

#: Of the tables above; a database with a higher one was written by a newer Tidemill.
FORMAT = 1


def create(connection: Connection) -> None:
    """Create these tables in an empty database, with an epoch of its own."""
    metadata.create_all(connection)
    connection.execute(insert(identity).values(one=1, epoch=secrets.token_hex(8), format=FORMAT))
    connection.execute(insert(feed).values(one=1, last=0))


def events_after(sequence: int, limit: int) -> Select[str, str, bytes, int]:
    """The feed behind *sequence*, in order."""
    columns = (events.c.sequence, events.c.kind, events.c.key, events.c.payload, events.c.at)
    return select(*columns).where(events.c.sequence > sequence).order_by(events.c.sequence).limit(limit)


def to_event(row: AnyRow) -> Event:
    """An event as its readers see it."""
    return Event(sequence=row.sequence, kind=row.kind, key=row.key, payload=row.payload, at=row.at)


async def last_event(snapshot: Snapshot) -> int:
    """The sequence of the newest event in a state of the database, 0 when there is none."""
    last: int = await snapshot.value(_LAST)
    return last


async def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove up to *limit* of the oldest events, as long as they are from *before*; answers how many.

    The numbers go on: the newest one that was given stands apart from the events.
    """
    oldest = await tx.all(select(events.c.sequence, events.c.at).order_by(events.c.sequence).limit(limit))
    gone = [row.sequence for row in itertools.takewhile(lambda row: row.at < before, oldest)]
    if gone:
        await tx.run(delete(events).where(events.c.sequence <= gone[-1]))
    return len(gone)
