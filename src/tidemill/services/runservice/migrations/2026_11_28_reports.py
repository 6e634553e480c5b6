"""What test reports of steps have said."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_reports"
down_revision = "2026_11_27_artifacts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "reports",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("reported", sa.LargeBinary, nullable=False),
    )
