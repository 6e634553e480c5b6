"""The place in the event feed, what is told of runs, its deliveries and where they go."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant, RowNumber

revision = "2026_12_04_run_webhooks"
down_revision = None
branch_labels = None
depends_on = None

PENDING = sa.text("status = 'notDelivered'")
HAS_ITS_TURN = sa.text("status = 'notDelivered' AND due_at IS NOT NULL")


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "places",
        sa.Column("one", sa.Integer, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("since", Instant, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("held_until", Instant, nullable=False),
    )
    op.create_table(
        "run_webhooks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("run", "phase", "result"),
    )
    op.create_index("run_webhooks_by_age", "run_webhooks", ["created_at"])
    op.create_table(
        "destinations",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("rests_until", Instant, nullable=True),
    )
    _create_deliveries()


def _create_deliveries() -> None:
    name = "run_webhook_deliveries"
    op.create_table(
        name,
        sa.Column("sequence", RowNumber, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("webhook", sa.Text, sa.ForeignKey("run_webhooks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("delivered_at", Instant, nullable=True),
        sa.Column("status_code", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.CheckConstraint("status IN ('notDelivered', 'delivered', 'deliveryError')"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_of_project", name, ["project", "sequence"])
    op.create_index("deliveries_of_project_by_status", name, ["project", "status", "sequence"])
    op.create_index("deliveries_of_webhook", name, ["webhook"])
    _create_partial("due_deliveries", name, ["destination", "due_at"], HAS_ITS_TURN)
    _create_partial("pending_deliveries_of_run", name, ["run", "destination", "sequence"], PENDING)


def _create_partial(index: str, table: str, columns: list[str], condition: sa.TextClause) -> None:
    op.create_index(index, table, columns, sqlite_where=condition, postgresql_where=condition)
