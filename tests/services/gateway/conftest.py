"""A gateway behind a real HTTP server, with a real configstore and runservice on each kind of database."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from hashlib import sha1
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

import anyio
import httpx2
import msgspec
import pytest

from tests.conftest import Clock, OpenDatabase
from tests.kit.probe import running
from tests.services.gateway.repositories import Repositories
from tests.services.gateway.worker import Worker
from tidemill.contracts.audit import Audit
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.direct_runs import DirectValues
from tidemill.contracts.feed import Feed
from tidemill.contracts.fleet import Fleet
from tidemill.contracts.logs import Logs
from tidemill.contracts.notification import Notification
from tidemill.contracts.organizations import Invitations, Organizations
from tidemill.contracts.passwords import Passwords
from tidemill.contracts.pushes import Push, PushOutcome, RefUpdate
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.contracts.runservice import Runservice
from tidemill.contracts.sealing import Sealing
from tidemill.contracts.sessions import Sessions
from tidemill.contracts.storage import Storage
from tidemill.kit.carriers import coded, direct
from tidemill.kit.coord import Bells
from tidemill.kit.crypto import Keyring
from tidemill.kit.db import Database
from tidemill.kit.http import Edge, make_app
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import run_loops
from tidemill.planning.planner import Planner
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.gateway import GatewayService
from tidemill.services.gateway.asked import Asked
from tidemill.services.notification import NotificationService
from tidemill.services.runservice.service import RunserviceService
from tidemill.settings import (
    ConfigstoreSettings,
    GatewaySettings,
    NotificationSettings,
    RunserviceSettings,
)

ADMIN_TOKEN = "the-admin-token"
MIGRATIONS = "tidemill.services.{}.migrations"


CONFIGURATION = {
    ".tidemill/config.yml": b"""
runs:
  - name: main
    tasks:
      - name: task
        runtime: {type: host}
        steps: [{run: echo hello}, {run: {name: second, command: "true"}}]
"""
}


class Person:
    """Someone at the public API; without *accept* they ask as Agola's own client does."""

    def __init__(self, http: httpx2.AsyncClient, token: str | None = None) -> None:
        self._http = http
        self.token = token

    async def ask(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        accept: bool = True,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> httpx2.Response:
        content = raw if raw is not None else None if body is None else msgspec.json.encode(body)
        request = self._http.build_request(verb, f"/api/v1alpha{path}", content=content, headers=headers)
        if self.token is not None and "authorization" not in request.headers:
            request.headers["Authorization"] = f"token {self.token}"
        if not accept:
            del request.headers["Accept"]
        return await self._http.send(request)

    def stream(self, path: str) -> AbstractAsyncContextManager[httpx2.Response]:
        """An answer to be read as it comes."""
        headers = {"Authorization": f"token {self.token}"} if self.token else None
        return self._http.stream("GET", f"/api/v1alpha{path}", headers=headers)

    async def get(self, path: str) -> Any:
        """The answer to a GET that succeeds."""
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def failure(self, verb: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and code of a failure; every failure has a message."""
        answer = await self.ask(verb, path, body)
        (error,) = answer.json()
        assert error["message"]
        return answer.status_code, error["code"]

    async def as_agola(self, verb: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body as Agola's own client gets them."""
        answer = await self.ask(verb, path, body, accept=False)
        return answer.status_code, answer.content


class House:
    """The services under test and the people around them."""

    def __init__(
        self, gateway: GatewayService, http: httpx2.AsyncClient, git: Repositories, clock: Clock
    ) -> None:
        self.gateway = gateway
        self.git = git
        self._clock = clock
        self.http = http
        self.nobody = Person(http)
        self.admin = Person(http, ADMIN_TOKEN)

    async def person(self, name: str) -> Person:
        """A new user with a token."""
        made = await self.admin.ask("POST", "/users", {"username": name})
        assert made.status_code == 201, made.text
        token = await self.admin.ask("POST", f"/users/{name}/tokens", {"token_name": "t"})
        return Person(self.http, token.json()["token"])

    async def push(
        self, project: str, *refs: str, files: dict[str, bytes] = CONFIGURATION, message: str = "change"
    ) -> PushOutcome:
        """Push a new commit to each of *refs*, and wait for what comes of it."""
        updates = []
        for ref in refs:
            sha = sha1(f"{project} {ref} {uuid4()}".encode()).hexdigest()
            self.git.commit_to(project, ref, sha, files, message)
            updates.append(RefUpdate(ref=ref, old="0" * 40, new=sha))
        return await self.gateway.pushed(self.pushing(project, *updates))

    def pushing(self, project: str, *updates: RefUpdate) -> Push:
        """A push that waits for its runs."""
        return Push(
            id=str(uuid4()),
            project=project,
            pusher="",
            updates=updates,
            received_at=self._clock(),
            wait=10,
        )

    def with_token(self, token: str | None) -> Person:
        return Person(self.http, token)


def ref(path: str) -> str:
    """A path as one segment of a URL."""
    return quote(path, safe="")


async def project(person: Person, name: str, visibility: str = "public", parent: str = "") -> dict[str, Any]:
    """A new project."""
    body = {"name": name, "parent_ref": parent, "visibility": visibility, "remote_source_name": "builtin"}
    answer = await person.ask("POST", "/projects", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def runs_of(person: Person, project: str) -> list[dict[str, Any]]:
    """All runs of a project, in the order of their numbers."""
    found: list[dict[str, Any]] = await person.get(f"/projects/{project}/runs?limit=0&sortdirection=asc")
    return found


async def pushes_of(person: Person, project: str) -> list[dict[str, Any]]:
    """The records of pushes to a project, newest first."""
    found: list[dict[str, Any]] = (await person.get(f"/projects/{project}/pushes"))["pushes"]
    return found


def hasty(push: Push) -> Push:
    """The same push, by somebody who does not wait."""
    return msgspec.structs.replace(push, wait=0)


@pytest.fixture
def git() -> Repositories:
    return Repositories()


@pytest.fixture(scope="module")
async def planner(anyio_backend: str) -> AsyncIterator[Planner]:
    """A real planner with its child process, one for a module's tests."""
    made = Planner()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def configstore(open_database: OpenDatabase, clock: Clock) -> ConfigstoreService:
    db = await open_database("configstore", MIGRATIONS.format("configstore"))
    service = ConfigstoreService(
        ConfigstoreSettings(), db, Keyring([bytes(32)]), clock=clock, new_id=lambda: str(uuid4())
    )
    await service.start()
    return service


@pytest.fixture
async def bells() -> Bells:
    return Bells()


@pytest.fixture
async def runservice(
    open_database: OpenDatabase, bells: Bells, configstore: ConfigstoreService, clock: Clock, tmp_path: Path
) -> AsyncIterator[RunserviceService]:
    service = RunserviceService(
        RunserviceSettings(),
        await open_database("runservice", MIGRATIONS.format("runservice")),
        Objects.open((tmp_path / "objects").as_uri()),
        bells,
        configstore,
        clock=clock,
        new_id=lambda: str(uuid4()),
    )
    await service.start()
    yield service
    await service.close()


@pytest.fixture
async def outbox(open_database: OpenDatabase) -> Database:
    return await open_database("notification", MIGRATIONS.format("notification"))


@pytest.fixture
async def notification(
    outbox: Database, bells: Bells, runservice: RunserviceService, clock: Clock
) -> NotificationService:
    """It tells nobody anything; tests put deliveries into its outbox."""
    feed = cast("Feed", runservice.faces()[Feed])
    return NotificationService(
        NotificationSettings(), outbox, bells, feed, runservice, clock=clock, new_id=lambda: str(uuid4())
    )


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings()


@pytest.fixture
async def gateway(  # noqa: PLR0917 - it is made of them
    settings: GatewaySettings,
    open_database: OpenDatabase,
    bells: Bells,
    configstore: ConfigstoreService,
    runservice: RunserviceService,
    notification: NotificationService,
    git: Repositories,
    planner: Planner,
    clock: Clock,
) -> AsyncIterator[GatewayService]:
    """The service alone: nobody runs its loops, and nobody listens."""
    made = GatewayService(
        settings,
        await open_database("gateway", MIGRATIONS.format("gateway")),
        bells,
        planner,
        Asked(
            configstore=coded(Configstore, configstore),
            audit=coded(Audit, cast("Audit", configstore.faces()[Audit])),
            passwords=coded(Passwords, cast("Passwords", configstore.faces()[Passwords])),
            sessions=coded(Sessions, cast("Sessions", configstore.faces()[Sessions])),
            sealing=coded(Sealing, cast("Sealing", configstore.faces()[Sealing])),
            sources=coded(RemoteSources, cast("RemoteSources", configstore.faces()[RemoteSources])),
            organizations=coded(Organizations, cast("Organizations", configstore.faces()[Organizations])),
            invitations=coded(Invitations, cast("Invitations", configstore.faces()[Invitations])),
            direct_values=coded(DirectValues, cast("DirectValues", configstore.faces()[DirectValues])),
            runservice=coded(Runservice, runservice),
            logs=coded(Logs, runservice.logs),
            feed=direct(Feed, cast("Feed", runservice.faces()[Feed])),
            storage=coded(Storage, cast("Storage", runservice.faces()[Storage])),
            fleet=coded(Fleet, cast("Fleet", runservice.faces()[Fleet])),
            gitserver=git,
            notification=coded(Notification, cast("Notification", notification.faces()[Notification])),
        ),
        admin_token=ADMIN_TOKEN,
        exposed_url=lambda: "https://ci.example",
        git_url=lambda: "https://git.example",
        clock=clock,
        new_id=lambda: str(uuid4()),
    )
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def house(
    settings: GatewaySettings, gateway: GatewayService, git: Repositories, clock: Clock
) -> AsyncIterator[House]:
    edge = Edge(allowed_origins=settings.allowed_origins)
    async with running(make_app(gateway.routes(), edge=edge)) as url, anyio.create_task_group() as group:
        group.start_soon(run_loops, gateway.loops())
        async with httpx2.AsyncClient(base_url=url, timeout=30) as http:
            yield House(gateway, http, git, clock)
        group.cancel_scope.cancel()


@pytest.fixture
async def alice(house: House) -> Person:
    return await house.person("alice")


@pytest.fixture
async def hello(alice: Person) -> str:
    """The id of a public project of alice's."""
    return str((await project(alice, "hello"))["id"])


@pytest.fixture
async def worker(runservice: RunserviceService) -> Worker:
    return Worker(runservice)
