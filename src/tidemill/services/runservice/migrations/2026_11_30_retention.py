"""Nothing grows for ever: what is known of use, size and age, and the tables of what is going."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import BytewiseText, Instant

revision = "2026_11_30_retention"
down_revision = "2026_11_29_warnings"
branch_labels = None
depends_on = None

IS_KEPT = sa.text("put_away_at IS NOT NULL AND deleted_at IS NULL")
IS_UNEXPIRED = sa.text("expired_at IS NULL")


def upgrade() -> None:
    """Add columns, their indexes, and three tables."""
    _columns()
    _fill()
    op.create_index("ix_creations_created_at", "creations", ["created_at"])
    op.create_index("runs_of_plan", "runs", ["plan_id"])
    op.create_index("logs_kept", "logs", ["put_away_at"], sqlite_where=IS_KEPT, postgresql_where=IS_KEPT)
    op.create_index(
        "workspaces_kept",
        "workspaces",
        ["created_at", "task"],
        sqlite_where=IS_UNEXPIRED,
        postgresql_where=IS_UNEXPIRED,
    )
    op.create_index("ix_caches_used_at", "caches", ["used_at"])
    op.create_index("artifact_sets_of_group", "artifact_sets", ["counter_path", "expires_at", "size"])
    op.create_index("artifact_sets_of_task", "artifact_sets", ["task"])
    op.create_table("doomed_groups", sa.Column("path", BytewiseText, primary_key=True))
    op.create_table("doomed_tasks", sa.Column("task", sa.Text, primary_key=True))
    op.create_table(
        "doomed_objects",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("due_at", Instant, nullable=False, index=True),
    )


def _columns() -> None:
    op.add_column("creations", sa.Column("created_at", Instant, nullable=False, server_default="0"))
    op.add_column("logs", sa.Column("deleted_at", Instant))
    op.add_column("workspaces", sa.Column("expired_at", Instant))
    op.add_column("caches", sa.Column("used_at", Instant, nullable=False, server_default="0"))
    op.add_column("artifact_sets", sa.Column("size", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("artifact_sets", sa.Column("counter_path", BytewiseText, nullable=False, server_default=""))


def _fill() -> None:
    """Keys count from now on, caches as used when they were made, artifacts for their runs."""
    creations = sa.table("creations", sa.column("created_at", Instant))
    op.execute(creations.update().values(created_at=datetime.now(UTC)))
    op.execute("UPDATE caches SET used_at = created_at")
    op.execute(
        "UPDATE artifact_sets SET"
        ' size = (SELECT COALESCE(SUM(size), 0) FROM artifacts WHERE artifacts."set" = artifact_sets.id),'
        " counter_path = COALESCE((SELECT MIN(counter_path) FROM runs JOIN tasks ON tasks.run = runs.sequence"
        " WHERE tasks.id = artifact_sets.task), '')"
    )
