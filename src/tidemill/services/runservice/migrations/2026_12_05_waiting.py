"""Indexes of queued runs by their group, and of those that concurrency groups keep apart."""

import sqlalchemy as sa
from alembic import op

revision = "2026_12_05_waiting"
down_revision = "2026_12_04_restarted_from"
branch_labels = None
depends_on = None

IS_QUEUED = sa.text("phase = 'queued'")
IS_CONTENDING = sa.text("concurrency IS NOT NULL AND phase NOT IN ('setuperror', 'cancelled', 'finished')")


def upgrade() -> None:
    """Add them."""
    op.create_index(
        "runs_queued",
        "runs",
        ["group_path", "sequence"],
        sqlite_where=IS_QUEUED,
        postgresql_where=IS_QUEUED,
    )
    op.create_index(
        "runs_contending",
        "runs",
        ["counter_path", "concurrency", "sequence"],
        sqlite_where=IS_CONTENDING,
        postgresql_where=IS_CONTENDING,
    )
