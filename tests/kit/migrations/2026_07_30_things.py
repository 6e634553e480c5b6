"""Things with names, and parts that belong to them by the time of the commit."""

import sqlalchemy as sa
from alembic import op

revision = "2026073001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", sa.Column("name", sa.Text, primary_key=True), sa.Column("size", sa.BigInteger))
    op.create_table(
        "parts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("thing", sa.Text, sa.ForeignKey("things.name", deferrable=True, initially="DEFERRED")),
    )
