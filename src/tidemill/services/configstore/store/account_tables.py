"""The tables of what opens an account beside tokens; private to the store."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from tidemill.kit.db import Instant
from tidemill.services.configstore.store.tables import metadata

passwords = Table(
    "passwords",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index("sessions_by_user", "user_id", "created_at"),
    Index("sessions_by_end", "expires_at"),
)
