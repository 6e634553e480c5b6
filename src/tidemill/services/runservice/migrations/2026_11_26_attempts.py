"""Attempts of tasks have logs of their own; runs know what they wait for: a time, or each other."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_26_attempts"
down_revision = "2026_11_25_archives"
branch_labels = None
depends_on = None

IS_GROWING = sa.text("put_away_at IS NULL")
IS_TIMED = sa.text("wake_at IS NOT NULL")


def upgrade() -> None:
    """Add columns to runs, and make the tables of logs anew with the attempt in their keys."""
    op.add_column("runs", sa.Column("wake_at", Instant))
    op.add_column("runs", sa.Column("deadline", Instant))
    op.add_column("runs", sa.Column("concurrency", sa.Text))
    op.add_column("runs", sa.Column("superseded", sa.Text))
    op.create_index("runs_timed", "runs", ["wake_at"], sqlite_where=IS_TIMED, postgresql_where=IS_TIMED)
    op.drop_index("logs_growing", "logs")
    op.rename_table("logs", "old_logs")
    op.rename_table("log_parts", "old_log_parts")
    _create_logs()
    _copy("logs", "length", "in_rows", "put_away_at", "object", "blocks")
    _copy("log_parts", "start", "length", "object", "data")
    op.drop_table("old_log_parts")
    op.drop_table("old_logs")


def _create_logs() -> None:
    op.create_table(
        "logs",
        *_key(),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("in_rows", sa.BigInteger, nullable=False),
        sa.Column("put_away_at", Instant),
        sa.Column("object", sa.Text),
        sa.Column("blocks", sa.LargeBinary),
    )
    op.create_index(
        "logs_growing",
        "logs",
        ["task", "attempt", "step"],
        sqlite_where=IS_GROWING,
        postgresql_where=IS_GROWING,
    )
    op.create_table(
        "log_parts",
        *_key(),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("object", sa.Text),
        sa.Column("data", sa.LargeBinary),
        sa.ForeignKeyConstraint(["task", "attempt", "step"], ["logs.task", "logs.attempt", "logs.step"]),
        sa.CheckConstraint("(object IS NULL) <> (data IS NULL)"),
    )


def _key() -> list[sa.Column[object]]:
    return [
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
    ]


def _copy(table: str, *columns: str) -> None:
    """Whatever was logged before belongs to a first attempt."""
    names = ", ".join(columns)
    op.execute(
        f"INSERT INTO {table} (task, attempt, step, {names}) SELECT task, 1, step, {names} FROM old_{table}"  # noqa: S608 - names of our own
    )
