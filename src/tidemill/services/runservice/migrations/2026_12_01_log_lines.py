"""Parts of logs know how many lines they have and when they were printed."""

import sqlalchemy as sa
from alembic import op

revision = "2026_12_01_log_lines"
down_revision = "2026_11_30_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns; for parts from before they stay empty: their lines are counted when somebody asks."""
    op.add_column("log_parts", sa.Column("lines", sa.Integer))
    op.add_column("log_parts", sa.Column("marks", sa.LargeBinary))
