"""The audit log, whose rows nobody can change, and nobody but retention can remove."""

import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import BytewiseText, Instant, RowNumber

revision = "2026_11_29_audit"
down_revision = "2026_11_28_builtin_login"
branch_labels = None
depends_on = None

_TEXTS = ("actor_kind", "actor_id", "actor_name", "via", "remote", "request_id")
_OF_SUBJECT = ("kind", "subject_id", "path", "project", "owner")
_INDEXES = {
    "project": ("project", "number"),
    "owner": ("owner", "number"),
    "actor": ("actor_id", "number"),
    "name": ("actor_name", "number"),
    "action": ("action", "number"),
    "kind": ("kind", "number"),
    "time": ("at",),
}


def upgrade() -> None:
    """Create the log, the mark of its retention, and what guards both."""
    op.create_table(
        "audit",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("at", Instant, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXTS),
        sa.Column("action", BytewiseText, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _OF_SUBJECT),
        sa.Column("fields", sa.LargeBinary, nullable=False),
    )
    for name, columns in _INDEXES.items():
        op.create_index(f"audit_by_{name}", "audit", list(columns))
    retention = op.create_table(
        "audit_retention",
        sa.Column("one", sa.Integer, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
        sa.Column("removable_until", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(retention, [{"one": 1, "removable_until": 0}])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


_SQLITE = (
    """
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END
    """,
    """
    CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
    WHEN OLD.at >= (SELECT removable_until FROM audit_retention)
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END
    """,
)
_POSTGRESQL = (
    """
    CREATE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.at < (SELECT removable_until FROM audit_retention) THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'the audit log is only added to';
    END $$
    """,
    """
    CREATE TRIGGER audit_is_guarded BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_only_added_to()
    """,
    """
    CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to()
    """,
)
