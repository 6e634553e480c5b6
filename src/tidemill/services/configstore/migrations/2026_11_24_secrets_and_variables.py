"""Secrets, sealed for their rows, and variables that mean them."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_24_secrets_and_variables"
down_revision = "2026_11_24_users_and_projects"
branch_labels = None
depends_on = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "secrets",
        *_parents(),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        *_rest(),
    )
    op.create_table("variables", *_parents(), sa.Column("meanings", sa.LargeBinary, nullable=False), *_rest())


def _parents() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, sa.ForeignKey("projects.id", ondelete="CASCADE")),
        sa.Column("group_id", sa.Text, sa.ForeignKey("project_groups.id", ondelete="CASCADE")),
        sa.Column("name", NAME, nullable=False),
    )


def _rest() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.UniqueConstraint("project_id", "name"),
        sa.UniqueConstraint("group_id", "name"),
        sa.CheckConstraint("(project_id IS NULL) <> (group_id IS NULL)"),
    )
