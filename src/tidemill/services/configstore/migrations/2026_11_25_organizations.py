"""Organizations with members and invitations; a root group belongs to a user or to one of them."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import BytewiseText, Instant

revision = "2026_11_25_organizations"
down_revision = "2026_11_24_secrets_and_variables"
branch_labels = None
depends_on = None

ROLE = "role IN ('owner', 'member')"
VISIBLE = "visibility IN ('public', 'private')"
ONE_ABOVE = (
    "(CASE WHEN parent_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN user_id IS NULL THEN 0 ELSE 1 END)"
    " + (CASE WHEN org_id IS NULL THEN 0 ELSE 1 END) = 1"
)


def upgrade() -> None:
    """Create the tables, and let groups have an organization in the place of a user."""
    op.create_table(
        "organizations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", BytewiseText, nullable=False, unique=True),
        sa.Column("visibility", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.CheckConstraint(VISIBLE),
    )
    op.create_index("organizations_by_visibility", "organizations", ["visibility", "name"])
    op.create_table(
        "org_members",
        sa.Column("org_id", *_of("organizations"), primary_key=True),
        sa.Column("user_id", *_of("users"), primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.CheckConstraint(ROLE),
    )
    op.create_index("org_members_by_user", "org_members", ["user_id", "org_id", "role"])
    op.create_table(
        "org_invitations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("org_id", *_of("organizations"), nullable=False),
        sa.Column("user_id", *_of("users"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("org_id", "user_id"),
        sa.CheckConstraint(ROLE),
    )
    op.create_index("org_invitations_by_user", "org_invitations", ["user_id"])
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_groups()
    else:
        _alter_groups()


def _of(table: str) -> tuple[type[sa.Text], sa.ForeignKey]:
    """A reference to a row of *table*, with which its own row goes."""
    return sa.Text, sa.ForeignKey(f"{table}.id", ondelete="CASCADE")


def _alter_groups() -> None:
    op.add_column("project_groups", sa.Column("org_id", *_of("organizations"), unique=True))
    op.drop_constraint("project_groups_check", "project_groups")
    op.create_check_constraint("project_groups_check", "project_groups", ONE_ABOVE)


def _rebuild_groups() -> None:
    """SQLite changes no constraint of a table that is there; references to it are not looked at meanwhile."""
    op.create_table(
        "project_groups_new",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("parent_id", *_of("project_groups")),
        sa.Column("user_id", *_of("users"), unique=True),
        sa.Column("org_id", *_of("organizations"), unique=True),
        sa.Column("name", BytewiseText, nullable=False),
        sa.Column("visibility", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("parent_id", "name"),
        sa.CheckConstraint(ONE_ABOVE),
        sa.CheckConstraint(VISIBLE),
    )
    op.execute(
        "INSERT INTO project_groups_new (id, parent_id, user_id, name, visibility, created_at)"
        " SELECT id, parent_id, user_id, name, visibility, created_at FROM project_groups"
    )
    op.drop_table("project_groups")
    op.rename_table("project_groups_new", "project_groups")
