"""Artifacts: sets of files that steps keep, each with an object and a time."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_27_artifacts"
down_revision = "2026_11_26_attempts"
branch_labels = None
depends_on = None

PATH = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
IS_LIVE = sa.text("live")


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "artifact_sets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False, index=True),
    )
    op.create_index(
        "artifact_sets_live",
        "artifact_sets",
        ["task", "step"],
        unique=True,
        sqlite_where=IS_LIVE,
        postgresql_where=IS_LIVE,
    )
    op.create_table(
        "artifacts",
        sa.Column("set", sa.Text, sa.ForeignKey("artifact_sets.id"), primary_key=True),
        sa.Column("path", PATH, primary_key=True),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("mode", sa.Integer, nullable=False),
    )
