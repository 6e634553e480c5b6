"""A gateway with everything behind it, on one kind of database, asked in process or over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast, get_type_hints
from uuid import uuid4

import anyio
import httpx2

from tests.conftest import Clock
from tests.kit.probe import running
from tests.services.gateway.conftest import ADMIN_TOKEN, MIGRATIONS, House
from tests.services.gateway.repositories import Repositories
from tests.services.gateway.worker import Worker
from tests.vectors.happening import Happenings
from tests.vectors.playing import Player
from tests.vectors.stories import Story
from tidemill.contracts.feed import Feed
from tidemill.contracts.gitserver import Gitserver
from tidemill.kit.carriers import direct
from tidemill.kit.coord import Bells
from tidemill.kit.crypto import Keyring
from tidemill.kit.db import Database
from tidemill.kit.http import App, Edge, make_app
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import run_loops
from tidemill.planning.planner import Planner
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.gateway import GatewayService
from tidemill.services.gateway.asked import Asked
from tidemill.services.notification import NotificationService
from tidemill.services.runservice.service import RunserviceService
from tidemill.settings import ConfigstoreSettings, GatewaySettings, NotificationSettings, RunserviceSettings

ORIGINS = ("https://pages.example",)


class Installation:
    """What stories are played at."""

    def __init__(self, http: httpx2.AsyncClient, happenings: Happenings) -> None:
        self._http = http
        self._happenings = happenings

    def player(self, story: Story) -> Player:
        return Player(self._http, self._happenings, story)


@asynccontextmanager
async def installed(
    carrier: str,
    open_: Callable[[str, str], Awaitable[Database]],
    planner: Planner,
    place: Path,
    settings: dict[str, Any],
) -> AsyncIterator[Installation]:
    """A new one."""
    clock, bells, git = Clock(), Bells(), Repositories()
    data = {
        name: await open_(name, MIGRATIONS.format(name))
        for name in ("configstore", "runservice", "notification", "gateway")
    }
    kit: dict[str, Any] = {"clock": clock, "new_id": lambda: str(uuid4())}
    configstore = ConfigstoreService(ConfigstoreSettings(), data["configstore"], Keyring([bytes(32)]), **kit)
    runservice = RunserviceService(
        RunserviceSettings(), data["runservice"], Objects.open(place.as_uri()), bells, configstore, **kit
    )
    feed = cast("Feed", runservice.faces()[Feed])
    notification = NotificationService(
        NotificationSettings(), data["notification"], bells, feed, runservice, **kit
    )
    faces: dict[Any, Any] = {Gitserver: git}
    for service in (configstore, runservice, notification):
        faces |= service.faces()
    chosen = GatewaySettings(**({"allowed_origins": ORIGINS} | settings))
    asked = Asked(
        **{name: direct(contract, faces[contract]) for name, contract in get_type_hints(Asked).items()}
    )
    gateway = GatewayService(
        chosen,
        data["gateway"],
        bells,
        planner,
        asked,
        admin_token=ADMIN_TOKEN,
        exposed_url=lambda: "https://ci.example",
        git_url=lambda: "https://git.example",
        **kit,
    )
    for one in (configstore, runservice, gateway):
        await one.start()
    app = make_app(gateway.routes(), edge=Edge(allowed_origins=chosen.allowed_origins))
    async with carried(carrier, app) as http, anyio.create_task_group() as group:
        group.start_soon(run_loops, gateway.loops())
        house = House(gateway, http, git, clock)
        yield Installation(http, Happenings(house, Worker(runservice), data["notification"]))
        group.cancel_scope.cancel()
    await gateway.close()
    await runservice.close()


@asynccontextmanager
async def carried(carrier: str, app: App) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the app: of its object, or of a server on loopback."""
    if carrier == "http":
        async with running(app) as url, httpx2.AsyncClient(base_url=url, timeout=30) as http:
            yield http
        return
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(base_url="http://127.0.0.1", transport=transport, timeout=30) as http:
        yield http
