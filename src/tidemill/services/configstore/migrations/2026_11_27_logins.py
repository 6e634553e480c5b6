"""Passwords of local accounts, and the sessions that they open."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_27_logins"
down_revision = "2026_11_26_remote_sources"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "passwords",
        sa.Column("user_id", sa.Text, _user(), primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("user_id", sa.Text, _user(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
    )
    op.create_index("sessions_by_user", "sessions", ["user_id", "created_at"])
    op.create_index("sessions_by_end", "sessions", ["expires_at"])


def _user() -> sa.ForeignKey:
    return sa.ForeignKey("users.id", ondelete="CASCADE")
