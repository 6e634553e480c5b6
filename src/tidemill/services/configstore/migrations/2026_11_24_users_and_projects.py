"""Users, tokens, project groups, projects, remote sources (with the built-in one), signing keys."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import Instant

revision = "2026_11_24_users_and_projects"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BUILTIN_ID = "0b1e6f52-6f0c-4b7e-9b0a-5a1d3c2f4e60"


def upgrade() -> None:
    """Create the first tables; the built-in remote source exists from now on."""
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", NAME, nullable=False, unique=True),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "user_tokens",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("user_id", "name"),
    )
    op.create_table(
        "project_groups",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("parent_id", sa.Text, sa.ForeignKey("project_groups.id", ondelete="CASCADE")),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), unique=True),
        sa.Column("name", NAME, nullable=False),
        sa.Column("visibility", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("parent_id", "name"),
        sa.CheckConstraint("(parent_id IS NULL) <> (user_id IS NULL)"),
        sa.CheckConstraint("visibility IN ('public', 'private')"),
    )
    sources = op.create_table(
        "remote_sources",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", NAME, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("auth_type", sa.Text, nullable=False),
        sa.Column("registration_enabled", sa.Boolean, nullable=False),
        sa.Column("login_enabled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "parent_id", sa.Text, sa.ForeignKey("project_groups.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("name", NAME, nullable=False),
        sa.Column("visibility", sa.Text, nullable=False),
        sa.Column("remote_source_id", sa.Text, sa.ForeignKey("remote_sources.id"), nullable=False),
        sa.Column("repo_path", sa.Text, nullable=False),
        sa.Column("pass_vars_to_forked_pr", sa.Boolean, nullable=False),
        sa.Column("members_can_perform_run_actions", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("parent_id", "name"),
        sa.CheckConstraint("visibility IN ('public', 'private')"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.bulk_insert(
        sources,
        [
            {
                "id": BUILTIN_ID,
                "name": "builtin",
                "type": "builtin",
                "auth_type": "",
                "registration_enabled": False,
                "login_enabled": False,
            }
        ],
    )
