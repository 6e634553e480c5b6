"""Keys that all gateways share, and how often passwords were tried."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_12_01_logins"
down_revision = "2026_11_30_codes_of_pushes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "signing_keys",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "tries",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("forgiven_at", Instant, nullable=False),
    )
    op.create_index("tries_by_end", "tries", ["forgiven_at"])
