"""The tables of the notification service; private to its store."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tidemill.kit.db import Instant, RowNumber

metadata = MetaData()

_is_pending = text("status = 'notDelivered'")
_has_its_turn = text("status = 'notDelivered' AND due_at IS NOT NULL")

#: How far the event feed has been worked on, and which instance does that.
places = Table(
    "places",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("position", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("holder", Text, nullable=False),
    Column("held_until", Instant, nullable=False),
)

#: What is told, once for each state that a run has ever been in.
run_webhooks = Table(
    "run_webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("run", "phase", "result"),
    Index("run_webhooks_by_age", "created_at"),
)

#: Of the deliveries to a destination that are about one run, the oldest that is pending alone is due.
run_webhook_deliveries = Table(
    "run_webhook_deliveries",
    metadata,
    Column("sequence", RowNumber, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("webhook", Text, ForeignKey("run_webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("project", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=True),
    Column("claim", Text, nullable=False),
    Column("delivered_at", Instant, nullable=True),
    Column("status_code", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("status IN ('notDelivered', 'delivered', 'deliveryError')"),
    Index("deliveries_of_project", "project", "sequence"),
    Index("deliveries_of_project_by_status", "project", "status", "sequence"),
    Index("deliveries_of_webhook", "webhook"),
    Index(
        "due_deliveries",
        "destination",
        "due_at",
        sqlite_where=_has_its_turn,
        postgresql_where=_has_its_turn,
    ),
    Index(
        "pending_deliveries_of_run",
        "run",
        "destination",
        "sequence",
        sqlite_where=_is_pending,
        postgresql_where=_is_pending,
    ),
    sqlite_autoincrement=True,
)

#: Where deliveries go, and how that went of late.
destinations = Table(
    "destinations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("rests_until", Instant, nullable=True),
)
