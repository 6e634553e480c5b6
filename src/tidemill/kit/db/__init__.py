"""The data manager of a service: SQLite or PostgreSQL, transactions, migrations, the event feed."""

from tidemill.kit.db.columns import BytewiseText, RowNumber
from tidemill.kit.db.database import Database
from tidemill.kit.db.instant import Instant
from tidemill.kit.db.ledger import last_event
from tidemill.kit.db.transaction import AnyRow, Event, ForeignAwait, Snapshot, Transaction, Values

__all__ = [
    "AnyRow",
    "BytewiseText",
    "Database",
    "Event",
    "ForeignAwait",
    "Instant",
    "RowNumber",
    "Snapshot",
    "Transaction",
    "Values",
    "last_event",
]
