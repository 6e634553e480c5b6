"""The schema holds what the rules say, whatever the code does."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from tests.conftest import OpenDatabase
from tests.services.schema import differences
from tidemill.errors import Conflict, Failure
from tidemill.kit.db import Database
from tidemill.services.configstore.store import sources
from tidemill.services.configstore.store.tables import (
    metadata,
    org_invitations,
    org_members,
    organizations,
    project_groups,
    projects,
    user_tokens,
    users,
)

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 30, tzinfo=UTC)


@pytest.fixture
async def db(open_database: OpenDatabase) -> Database:
    """A database with alice, her root group and a project in it, and an organization that she belongs to."""
    made = await open_database("configstore", "tidemill.services.configstore.migrations")

    async def fill(tx: Any) -> None:
        await tx.run(insert(users), [user("u1", "alice")])
        await tx.run(insert(project_groups), [group("g1", user_id="u1")])
        builtin = await sources.by_name(tx, "builtin")
        await tx.run(insert(organizations), [organization("o1", "acme")])
        await tx.run(insert(org_members), [belonging("o1", "u1")])
        await tx.run(insert(org_invitations), [belonging("o1", "u1") | {"id": "i1"}])
        await tx.run(insert(projects), [project("p1", "hello", "g1", builtin.id)])

    await made.do(fill)
    return made


def user(id: str, name: str) -> dict[str, Any]:
    return {"id": id, "name": name, "is_admin": False, "created_at": NOW}


def group(id: str, **more: Any) -> dict[str, Any]:
    plain = {"id": id, "parent_id": None, "user_id": None, "org_id": None, "name": "", "visibility": "public"}
    return plain | {"created_at": NOW} | more


def organization(id: str, name: str, visibility: str = "public") -> dict[str, Any]:
    return {"id": id, "name": name, "visibility": visibility, "created_at": NOW}


def belonging(org: str, user: str, role: str = "owner") -> dict[str, Any]:
    return {"org_id": org, "user_id": user, "role": role, "created_at": NOW}


def project(id: str, name: str, parent: str, source: str) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "parent_id": parent,
        "visibility": "public",
        "remote_source_id": source,
        "repo_path": "",
        "pass_vars_to_forked_pr": False,
        "members_can_perform_run_actions": False,
        "created_at": NOW,
    }


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (users, user("u2", "alice")),
        (users, user("u1", "bob")),
        (project_groups, group("g2", user_id="u1")),
        (project_groups, group("g2", user_id="nobody")),
        (project_groups, group("g2", parent_id="nowhere", name="x")),
        (project_groups, group("g2", org_id="nowhere")),
        (organizations, organization("o2", "acme")),
        (org_members, belonging("o1", "u1", "member")),
        (org_members, belonging("nowhere", "u1")),
        (org_members, belonging("o1", "nobody")),
        (org_invitations, belonging("o1", "u1") | {"id": "i2"}),
        (projects, project("p2", "hello", "g1", "builtin")),
        (user_tokens, {"hash": b"h", "user_id": "nobody", "name": "t", "created_at": NOW}),
    ],
)
async def test_a_collision_is_a_conflict(db: Database, table: Any, row: dict[str, Any]) -> None:
    """Names are unique, and nothing belongs to what is not there."""
    with pytest.raises(Conflict):
        await db.do(lambda tx: tx.run(insert(table), [row]))


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (project_groups, group("g2")),
        (project_groups, group("g2", parent_id="g1", user_id="u1")),
        (project_groups, group("g2", parent_id="g1", org_id="o1")),
        (project_groups, group("g2", user_id="u1", org_id="o1")),
        (project_groups, group("g2", parent_id="g1", visibility="secret")),
        (organizations, organization("o2", "other", "secret")),
        (org_members, belonging("o1", "u1", "boss")),
        (org_invitations, belonging("o1", "u1", "boss") | {"id": "i2"}),
    ],
)
async def test_what_cannot_be_is_refused(db: Database, table: Any, row: dict[str, Any]) -> None:
    """A group has either a parent or one owner; what is shown is public or private; a role is one of two."""
    with pytest.raises(Exception, match=r"(?i)check") as caught:
        await db.do(lambda tx: tx.run(insert(table), [row]))
    assert not isinstance(caught.value, Failure)


async def test_everything_of_a_user_goes_with_them(db: Database) -> None:
    """Down the whole tree."""
    rows = [group("g2", parent_id="g1", name="a"), group("g3", parent_id="g2", name="b")]
    await db.do(lambda tx: tx.run(insert(project_groups), rows))
    await db.do(lambda tx: tx.run(delete(users).where(users.c.id == "u1")))
    for table in (project_groups, projects):
        assert await db.read(lambda tx, table=table: tx.all(select(table))) == []


async def test_the_migrations_make_what_the_store_expects(tmp_path: Path) -> None:
    """Every table, column, index and key."""
    assert await differences("configstore", metadata, tmp_path) == []
