"""A runservice on each kind of database, behind each carrier within a process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast
from uuid import uuid4

import anyio
import pytest

from tests.conftest import Clock, OpenDatabase
from tests.services.runservice.playing import Service
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.jobs import Jobs
from tidemill.contracts.logs import Logs
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.storage import Storage
from tidemill.contracts.values import Values, ValuesAnswer, ValuesRequest
from tidemill.errors import Failure
from tidemill.kit.carriers import coded, direct
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.settings import RunserviceSettings


class KnownValues(Values):
    """Answers what it was told, and notes who asked; fails as often as it is asked to."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.asked: list[ValuesRequest] = []
        self.failures: list[Failure] = []
        self.together = 1
        """It answers nobody before so many have asked."""
        self._are_enough = anyio.Event()

    async def resolve(self, request: ValuesRequest) -> ValuesAnswer:
        self.asked.append(request)
        if len(self.asked) >= self.together:
            self._are_enough.set()
        await self._are_enough.wait()
        if self.failures:
            raise self.failures.pop()
        return ValuesAnswer({name: self.values[name] for name in request.names if name in self.values})


@pytest.fixture
async def db(open_database: OpenDatabase) -> Database:
    return await open_database("runservice", "tidemill.services.runservice.migrations")


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open((tmp_path / "objects").as_uri())


@pytest.fixture
def values() -> KnownValues:
    return KnownValues()


@pytest.fixture
def settings() -> RunserviceSettings:
    return RunserviceSettings(executor_lease=60, executor_grace=15)


@pytest.fixture
async def open_service(  # noqa: PLR0917 - what a service stands on
    settings: RunserviceSettings,
    db: Database,
    objects: Objects,
    bells: Bells,
    values: KnownValues,
    clock: Clock,
    anyio_backend: str,
) -> AsyncIterator[Callable[[], Awaitable[RunserviceService]]]:
    """Makes services on the same database, as a restart or a second instance does."""
    made: list[RunserviceService] = []

    async def make() -> RunserviceService:
        service = RunserviceService(
            settings,
            db,
            objects,
            bells,
            values,
            clock=clock,
            new_id=lambda: str(uuid4()),
        )
        await service.start()
        made.append(service)
        return service

    yield make
    for service in made:
        await service.close()


@pytest.fixture
async def whole(open_service: Callable[[], Awaitable[RunserviceService]]) -> RunserviceService:
    """The service itself, for what no contract offers."""
    return await open_service()


@pytest.fixture(params=["direct", "coded"])
def service(request: pytest.FixtureRequest, whole: RunserviceService) -> Service:
    """The service as others see it."""
    carry = direct if request.param == "direct" else coded
    faces = whole.faces()
    return Service(
        runs=carry(Runservice, whole),
        jobs=carry(Jobs, whole),
        fleet=carry(Fleet, cast("Fleet", faces[Fleet])),
        storage=carry(Storage, cast("Storage", faces[Storage])),
        logs=carry(Logs, cast("Logs", faces[Logs])),
    )
