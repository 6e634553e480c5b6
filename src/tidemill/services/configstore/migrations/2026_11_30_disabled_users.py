"""Users who are disabled: so far nobody is."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_30_disabled_users"
down_revision = "2026_11_29_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, with what holds for all who are there."""
    op.add_column("users", sa.Column("is_disabled", sa.Boolean, nullable=False, server_default=sa.false()))
