"""The data manager of a service: SQLite or PostgreSQL, transactions, migrations, the event feed."""

from tidemill.kit.db.columns import BytewiseText, RowNumber
from tidemill.kit.db.database import Database
from tidemill.kit.db.instant import Instant
from tidemill.kit.db.ledger import Reach, events_behind, last_event, reach
from tidemill.kit.db.transaction import AnyRow, Event, ForeignAwait, Snapshot, Transaction, Values
from tidemill.kit.db.upserting import upsert

__all__ = [
    "AnyRow",
    "BytewiseText",
    "Database",
    "Event",
    "ForeignAwait",
    "Instant",
    "Reach",
    "RowNumber",
    "Snapshot",
    "Transaction",
    "Values",
    "events_behind",
    "last_event",
    "reach",
    "upsert",
]
