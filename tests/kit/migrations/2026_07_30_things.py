"""Things with names, and their parts."""

import sqlalchemy as sa
from alembic import op

revision = "2026073001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", sa.Column("name", sa.Text, primary_key=True), sa.Column("size", sa.BigInteger))
