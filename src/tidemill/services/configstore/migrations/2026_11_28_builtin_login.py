"""Users of this installation log in with passwords."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_28_builtin_login"
down_revision = "2026_11_27_logins"
branch_labels = None
depends_on = None

sources = sa.table(
    "remote_sources",
    sa.column("type", sa.Text),
    sa.column("auth_type", sa.Text),
    sa.column("login_enabled", sa.Boolean),
    sa.column("registration_enabled", sa.Boolean),
)


def upgrade() -> None:
    """Whether they register too, the gateway's settings say."""
    op.execute(
        sources.update()
        .where(sources.c.type == "builtin")
        .values(auth_type="password", login_enabled=True, registration_enabled=True)
    )
