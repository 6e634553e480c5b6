"""Runs count the failures in them that are ignored."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_29_warnings"
down_revision = "2026_11_28_reports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count; it is not made for runs that have ended before."""
    op.add_column("runs", sa.Column("warnings", sa.Integer, nullable=False, server_default="0"))
