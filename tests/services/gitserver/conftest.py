"""A running gitserver on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import OpenDatabase
from tests.services.gitserver.hosting import Hosting
from tidemill.kit.db import Database
from tidemill.services.gitserver.service import MIGRATIONS


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return await open_database("gitserver", MIGRATIONS)


@pytest.fixture
async def hosting(tmp_path: Path, database: Database) -> AsyncIterator[Hosting]:
    async with Hosting(tmp_path / "data", database).running() as hosting:
        yield hosting
