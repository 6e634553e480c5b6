"""The tables of what is going: removed for everybody, not yet from the disk; private to the store."""

from sqlalchemy import Column, Table, Text

from tidemill.kit.db import BytewiseText, Instant
from tidemill.services.runservice.store.tables import metadata

#: Groups that are wanted no more: their runs are removed as they end, and then their caches.
doomed_groups = Table("doomed_groups", metadata, Column("path", BytewiseText, primary_key=True))

#: Tasks that no run has any more; what they have kept is removed, a little in each transaction.
doomed_tasks = Table("doomed_tasks", metadata, Column("task", Text, primary_key=True))

#: Objects that no row needs any more. An object is removed after the commit that says so, and then this row.
doomed_objects = Table(
    "doomed_objects",
    metadata,
    Column("name", Text, primary_key=True),
    Column("due_at", Instant, nullable=False, index=True),
)
