"""A configstore on each kind of database."""

from uuid import uuid4

import pytest

from tests.conftest import Clock, OpenDatabase
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
