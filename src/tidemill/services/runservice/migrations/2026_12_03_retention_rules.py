"""What a counter group keeps where that is not what the settings say."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import BytewiseText

revision = "2026_12_03_retention_rules"
down_revision = "2026_12_02_demands"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "retention_rules",
        sa.Column("counter_path", BytewiseText, primary_key=True),
        sa.Column("rule", sa.LargeBinary, nullable=False),
    )
