"""The tables of what logins need; private to the store."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from tidemill.kit.db import Instant
from tidemill.services.gateway.store.tables import metadata

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

#: How much has been tried, as the time at which all of it is forgiven; without a row nothing was.
tries = Table(
    "tries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("forgiven_at", Instant, nullable=False),
    Index("tries_by_end", "forgiven_at"),
)
