"""Runs with their plans and tasks, executors and their jobs, logs."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_24_runs_jobs_logs"
down_revision = None
branch_labels = None
depends_on = None

PATH = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
IS_OPEN = sa.text("phase IN ('queued', 'running')")
IS_QUEUED = sa.text("phase = 'queued'")
IS_GROWING = sa.text("put_away_at IS NULL")


def upgrade() -> None:
    """Create the first tables."""
    _create_runs()
    _create_jobs()
    _create_logs()


def _create_runs() -> None:
    op.create_table(
        "counters",
        sa.Column("path", PATH, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "groups",
        sa.Column("path", PATH, primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "creations",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("run_ids", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("plan", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("group_path", PATH, nullable=False),
        sa.Column("counter_path", PATH, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("stopping", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("plan_id", sa.Text, sa.ForeignKey("plans.id")),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("started_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("waiting", sa.LargeBinary),
        sa.Column("annotations", sa.LargeBinary, nullable=False),
        sa.Column("setup_errors", sa.LargeBinary),
        sa.UniqueConstraint("counter_path", "number"),
        sa.CheckConstraint("phase IN ('setuperror', 'queued', 'cancelled', 'running', 'finished')"),
        sa.CheckConstraint("result IN ('unknown', 'stopped', 'success', 'failed')"),
    )
    op.create_index("runs_of_group", "runs", ["group_path", "number"])
    op.create_index("runs_by_state", "runs", ["counter_path", "phase", "result", "number"])
    op.create_index(
        "runs_open",
        "runs",
        ["phase", "group_path", "sequence"],
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )
    op.create_table(
        "tasks",
        sa.Column(
            "run", sa.BigInteger, sa.ForeignKey("runs.sequence"), primary_key=True, autoincrement=False
        ),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )


def _create_jobs() -> None:
    op.create_table(
        "executors",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("info", sa.LargeBinary, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("run", sa.BigInteger, sa.ForeignKey("runs.sequence"), nullable=False, index=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("stop", sa.Boolean, nullable=False),
        sa.Column("executor", sa.Text, sa.ForeignKey("executors.id"), index=True),
        sa.Column("runtime", sa.Text, nullable=False),
        sa.Column("arch", sa.Text, nullable=False),
        sa.CheckConstraint("phase IN ('queued', 'claimed', 'accepted')"),
        sa.CheckConstraint("(phase = 'queued') = (executor IS NULL)"),
    )
    op.create_index(
        "jobs_queued",
        "jobs",
        ["run", "position", "runtime", "arch"],
        sqlite_where=IS_QUEUED,
        postgresql_where=IS_QUEUED,
    )


def _create_logs() -> None:
    op.create_table(
        "logs",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("in_rows", sa.BigInteger, nullable=False),
        sa.Column("put_away_at", Instant),
        sa.Column("object", sa.Text),
        sa.Column("blocks", sa.LargeBinary),
    )
    op.create_index(
        "logs_growing", "logs", ["task", "step"], sqlite_where=IS_GROWING, postgresql_where=IS_GROWING
    )
    op.create_table(
        "log_parts",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("object", sa.Text),
        sa.Column("data", sa.LargeBinary),
        sa.ForeignKeyConstraint(["task", "step"], ["logs.task", "logs.step"]),
        sa.CheckConstraint("(object IS NULL) <> (data IS NULL)"),
    )
