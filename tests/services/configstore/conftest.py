"""A configstore on each kind of database."""

from typing import cast
from uuid import uuid4

import pytest

from tests.conftest import Clock, OpenDatabase
from tidemill.contracts.configstore import NewUser
from tidemill.contracts.organizations import Invitations, NewOrganization, Organization, Organizations
from tidemill.kit.crypto import Keyring
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.settings import ConfigstoreSettings


@pytest.fixture
async def db(open_database: OpenDatabase) -> Database:
    return await open_database("configstore", "tidemill.services.configstore.migrations")


@pytest.fixture
async def configstore(db: Database, clock: Clock) -> ConfigstoreService:
    service = ConfigstoreService(
        ConfigstoreSettings(), db, Keyring([bytes(32)]), clock=clock, new_id=lambda: str(uuid4())
    )
    await service.start()
    return service


@pytest.fixture
async def people(configstore: ConfigstoreService) -> ConfigstoreService:
    """A configstore with alice, bob and carol."""
    for name in ("alice", "bob", "carol"):
        await configstore.create_user(NewUser(name=name))
    return configstore


@pytest.fixture
def organizations(people: ConfigstoreService) -> Organizations:
    """Where organizations are kept, among these people."""
    return cast("Organizations", people.faces()[Organizations])


@pytest.fixture
def invitations(people: ConfigstoreService) -> Invitations:
    """Where invitations to them are kept."""
    return cast("Invitations", people.faces()[Invitations])


@pytest.fixture
async def acme(people: ConfigstoreService, organizations: Organizations) -> Organization:
    """A public organization that alice has made."""
    alice = await people.user("alice")
    return await organizations.create_org(NewOrganization(name="acme", creator=alice.id))
