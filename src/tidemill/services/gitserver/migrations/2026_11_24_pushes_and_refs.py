"""Repositories, the log of their pushes, and where their refs stood when the gateway was last told."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_24_pushes_and_refs"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "repositories",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "known_refs",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("sha", sa.Text, nullable=False),
    )
    op.create_table(
        "pushes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("pusher", sa.Text, nullable=False),
        sa.Column("commands", sa.LargeBinary, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
    )
    op.create_index("pushes_by_project", "pushes", ["project", "received_at"])
    op.create_index("pushes_by_state", "pushes", ["state", "due_at"])
    op.create_index("pushes_by_age", "pushes", ["received_at"])
