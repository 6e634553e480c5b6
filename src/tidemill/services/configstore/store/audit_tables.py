"""The table of the audit log; its rows are only ever added, which the schema holds too."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from tidemill.kit.db import BytewiseText, Instant, RowNumber
from tidemill.services.configstore.store.tables import metadata

#: No key leads anywhere: what was done stays written when what it was done to is gone.
audit = Table(
    "audit",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("remote", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("action", BytewiseText, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("fields", LargeBinary, nullable=False),
    Index("audit_by_project", "project", "number"),
    Index("audit_by_owner", "owner", "number"),
    Index("audit_by_actor", "actor_id", "number"),
    Index("audit_by_name", "actor_name", "number"),
    Index("audit_by_action", "action", "number"),
    Index("audit_by_kind", "kind", "number"),
    Index("audit_by_time", "at"),
)

#: Until when entries may be removed, which only retention moves: one row.
audit_retention = Table(
    "audit_retention",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("removable_until", Instant, nullable=False),
)
