"""The tables of artifacts; private to the store."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from tidemill.kit.db import BytewiseText, Instant
from tidemill.services.runservice.store.tables import metadata

IS_LIVE = text("live")

#: One object with the files that a step of a task has kept. It has its row before it exists and until it
#: is gone: past its time, and whatever became of it, first the object is removed and then the row.
artifact_sets = Table(
    "artifact_sets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    # Not yet while it is brought, not any more once another has taken its place.
    Column("live", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    # Bytes of the object, and the counter group of the run: how much that may keep is limited.
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("counter_path", BytewiseText, nullable=False, server_default=""),
    Index("artifact_sets_live", "task", "step", unique=True, sqlite_where=IS_LIVE, postgresql_where=IS_LIVE),
    Index("artifact_sets_of_group", "counter_path", "expires_at", "size"),
    Index("artifact_sets_of_task", "task"),
)

#: Files, each a stretch of the object of its set.
artifacts = Table(
    "artifacts",
    metadata,
    Column("set", Text, ForeignKey("artifact_sets.id"), primary_key=True),
    Column("path", BytewiseText, primary_key=True),
    Column("start", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("mode", Integer, nullable=False),
)
