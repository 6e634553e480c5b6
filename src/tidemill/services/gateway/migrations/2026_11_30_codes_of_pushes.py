"""Why a pushed ref has made no run, as a code."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_30_codes_of_pushes"
down_revision = "2026_11_24_inbox_of_pushes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what was pushed before, the note alone tells it."""
    op.add_column("pushed_refs", sa.Column("code", sa.Text, nullable=False, server_default=""))
