"""The tables of the configstore; private to its store."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from tidemill.kit.db import BytewiseText, Instant

metadata = MetaData()

_visible = "visibility IN ('public', 'private')"
_role = "role IN ('owner', 'member')"
_one_above = (
    "(CASE WHEN parent_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN user_id IS NULL THEN 0 ELSE 1 END)"
    " + (CASE WHEN org_id IS NULL THEN 0 ELSE 1 END) = 1"
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", BytewiseText, nullable=False, unique=True),
    Column("is_admin", Boolean, nullable=False),
    Column("is_disabled", Boolean, nullable=False, server_default=false()),
    Column("created_at", Instant, nullable=False),
)

user_tokens = Table(
    "user_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", BytewiseText, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("user_id", "name"),
)

organizations = Table(
    "organizations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", BytewiseText, nullable=False, unique=True),
    Column("visibility", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint(_visible),
    Index("organizations_by_visibility", "visibility", "name"),
)

org_members = Table(
    "org_members",
    metadata,
    Column("org_id", Text, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint(_role),
    Index("org_members_by_user", "user_id", "org_id", "role"),
)

org_invitations = Table(
    "org_invitations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", Text, ForeignKey("organizations.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("org_id", "user_id"),
    CheckConstraint(_role),
    Index("org_invitations_by_user", "user_id"),
)

#: A root group has an owner and no parent, every other one a parent and no owner.
project_groups = Table(
    "project_groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("parent_id", Text, ForeignKey("project_groups.id", ondelete="CASCADE")),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), unique=True),
    Column("org_id", Text, ForeignKey("organizations.id", ondelete="CASCADE"), unique=True),
    Column("name", BytewiseText, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("parent_id", "name"),
    CheckConstraint(_one_above),
    CheckConstraint(_visible),
)

#: What is secret of a host is sealed for its row; the built-in one has nothing.
remote_sources = Table(
    "remote_sources",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", BytewiseText, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("auth_type", Text, nullable=False),
    Column("registration_enabled", Boolean, nullable=False),
    Column("login_enabled", Boolean, nullable=False),
    Column("api_url", Text, nullable=False, server_default=""),
    Column("skip_verify", Boolean, nullable=False, server_default=false()),
    Column("oauth2_client_id", Text, nullable=False, server_default=""),
    Column("ssh_host_key", Text, nullable=False, server_default=""),
    Column("skip_ssh_host_key_check", Boolean, nullable=False, server_default=false()),
    Column("key_id", Text),
    Column("nonce", LargeBinary),
    Column("ciphertext", LargeBinary),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("parent_id", Text, ForeignKey("project_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", BytewiseText, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("remote_source_id", Text, ForeignKey("remote_sources.id"), nullable=False),
    Column("repo_path", Text, nullable=False),
    Column("pass_vars_to_forked_pr", Boolean, nullable=False),
    Column("members_can_perform_run_actions", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("parent_id", "name"),
    CheckConstraint(_visible),
    Index("projects_by_remote_source", "remote_source_id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

_one_parent = "(project_id IS NULL) <> (group_id IS NULL)"

#: The data is sealed for its row; the key stands elsewhere.
secrets = Table(
    "secrets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE")),
    Column("group_id", Text, ForeignKey("project_groups.id", ondelete="CASCADE")),
    Column("name", BytewiseText, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("project_id", "name"),
    UniqueConstraint("group_id", "name"),
    CheckConstraint(_one_parent),
)

variables = Table(
    "variables",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE")),
    Column("group_id", Text, ForeignKey("project_groups.id", ondelete="CASCADE")),
    Column("name", BytewiseText, nullable=False),
    Column("meanings", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("project_id", "name"),
    UniqueConstraint("group_id", "name"),
    CheckConstraint(_one_parent),
)
