"""The run that a restarted one does again."""

import sqlalchemy as sa
from alembic import op

revision = "2026_12_04_restarted_from"
down_revision = "2026_12_03_retention_rules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add its number; of restarts until now it is not known."""
    op.add_column("runs", sa.Column("restarted_from", sa.BigInteger))
