"""The tables of the gateway; private to its store."""

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

_is_pending = text("state = 'pending'")

pushes = Table(
    "pushes",
    metadata,
    Column("sequence", RowNumber, primary_key=True),
    Column("project", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("pusher", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    UniqueConstraint("project", "id"),
    Index("pushes_of_project", "project", "sequence"),
)

#: One row per ref that a push moved: that is what is worked on, in order per project and ref.
pushed_refs = Table(
    "pushed_refs",
    metadata,
    Column("push", RowNumber, ForeignKey("pushes.sequence", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("note", Text, nullable=False),
    Column("runs", LargeBinary, nullable=False),
    Column("code", Text, nullable=False, server_default=""),
    CheckConstraint("state IN ('pending', 'done', 'failed')"),
    Index(
        "pending_refs",
        "project",
        "ref",
        "push",
        sqlite_where=_is_pending,
        postgresql_where=_is_pending,
    ),
)

#: Repositories of projects that are being deleted; gone from here once they are gone from the gitserver.
removals = Table(
    "removals",
    metadata,
    Column("project", Text, primary_key=True),
    Column("due_at", Instant, nullable=False),
)
