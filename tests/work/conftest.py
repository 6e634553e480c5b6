"""A place to work in, on a driver of words."""

from pathlib import Path

import pytest

from tests.work.places import Place, Store
from tidemill.pods.fake import FakeDriver


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
def place(tmp_path: Path, driver: FakeDriver) -> Place:
    return Place(tmp_path / "job.1", driver)


@pytest.fixture
def store() -> Store:
    return Store()
