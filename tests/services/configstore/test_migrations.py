"""Databases of every revision there ever was: brought up, they hold what they held and are worked on as before."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Clock, OpenDatabase
from tests.services.older import dump, fill, migrations_until
from tidemill.contracts.configstore import NewProject, NewProjectGroup, NewToken, NewUser, TokenCheck
from tidemill.kit.crypto import Keyring
from tidemill.kit.db import Database
from tidemill.kit.db.migrating import revisions
from tidemill.services.configstore import ConfigstoreService, migrations
from tidemill.services.configstore.store.tables import metadata
from tidemill.settings import ConfigstoreSettings

pytestmark = pytest.mark.anyio

MIGRATIONS = "tidemill.services.configstore.migrations"
REVISIONS = revisions(MIGRATIONS)


@pytest.fixture
def make(clock: Clock) -> Callable[[Database], ConfigstoreService]:
    """Makes a service on a database."""

    def made(db: Database) -> ConfigstoreService:
        keys = Keyring([bytes(32)])
        return ConfigstoreService(ConfigstoreSettings(), db, keys, clock=clock, new_id=lambda: str(uuid4()))

    return made


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_a_database_of_an_older_revision(
    revision: str,
    open_database: OpenDatabase,
    make: Callable[[Database], ConfigstoreService],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Users, tokens, groups and projects are those that were there, and more are made beside them."""
    source = await Database.open(
        f"sqlite:///{tmp_path / 'source.db'}", name="configstore", migrations=MIGRATIONS
    )
    try:
        before = make(source)
        alice = await before.create_user(NewUser(name="alice"))
        token = await before.create_token("alice", NewToken(name="t"))
        group = await before.create_project_group(NewProjectGroup(name="tools", parent="user/alice"))
        project = await before.create_project(NewProject(name="hello", parent=group.id))
        rows = await dump(source, metadata)
    finally:
        await source.close()
    package = tmp_path / "older_migrations"
    package.mkdir()
    migrations_until(migrations, REVISIONS, revision, package)
    monkeypatch.syspath_prepend(tmp_path)
    older = await open_database("configstore", package.name)
    await fill(older, metadata, rows)
    await older.close()
    service = make(await open_database("configstore", MIGRATIONS))
    assert (await service.user_of_token(TokenCheck(token=token.token))).id == alice.id
    assert not (await service.user("alice")).is_disabled
    assert await service.project_group("user/alice/tools") == group
    assert await service.project("user/alice/tools/hello") == await service.project(project.id) == project
    await service.create_project_group(NewProjectGroup(name="inner", parent=group.id))
    await service.create_user(NewUser(name="bob"))
    await service.delete_user("alice")
    assert (await service.users()).items == [await service.user("bob")]
