"""What remote sources are asked at, and their secret, sealed; finding the projects that are on one."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_remote_sources"
down_revision = "2026_11_25_organizations"
branch_labels = None
depends_on = None

TEXTS = ("api_url", "oauth2_client_id", "ssh_host_key")
FLAGS = ("skip_verify", "skip_ssh_host_key_check")


def upgrade() -> None:
    """Add the columns: the built-in source needs none of them."""
    for name in TEXTS:
        op.add_column("remote_sources", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in FLAGS:
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("remote_sources", column)
    op.add_column("remote_sources", sa.Column("key_id", sa.Text))
    op.add_column("remote_sources", sa.Column("nonce", sa.LargeBinary))
    op.add_column("remote_sources", sa.Column("ciphertext", sa.LargeBinary))
    op.create_index("projects_by_remote_source", "projects", ["remote_source_id"])
