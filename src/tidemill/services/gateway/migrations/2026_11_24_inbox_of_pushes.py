"""The inbox of pushes, and repositories that are to be removed."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_24_inbox_of_pushes"
down_revision = None
branch_labels = None
depends_on = None

COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "pushes",
        sa.Column("sequence", COUNTER, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("pusher", sa.Text, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.UniqueConstraint("project", "id"),
    )
    op.create_index("pushes_of_project", "pushes", ["project", "sequence"])
    op.create_table(
        "pushed_refs",
        sa.Column("push", COUNTER, sa.ForeignKey("pushes.sequence", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("old", sa.Text, nullable=False),
        sa.Column("new", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("runs", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'done', 'failed')"),
    )
    op.create_index(
        "pending_refs",
        "pushed_refs",
        ["project", "ref", "push"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_table(
        "removals",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("due_at", Instant, nullable=False),
    )
