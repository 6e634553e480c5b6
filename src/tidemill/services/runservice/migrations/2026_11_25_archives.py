"""Archives of files: workspaces of tasks, and caches."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_25_archives"
down_revision = "2026_11_24_runs_jobs_logs"
branch_labels = None
depends_on = None

PATH = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "workspaces",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "caches",
        sa.Column("group_path", PATH, primary_key=True),
        sa.Column("key", PATH, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
