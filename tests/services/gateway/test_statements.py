"""How the public API asks its databases: each route as often for many things as for one, and by indexes."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx2
import pytest
from sqlalchemy import Engine, event

from tests.conftest import Clock, DatabaseUrl
from tests.services.gateway.conftest import House, Person
from tests.services.gateway.plans import faults_on_postgresql, faults_on_sqlite
from tests.services.gateway.repositories import Repositories
from tests.services.gateway.stock import Stock
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.kit.contract import Endpoint, endpoints
from tidemill.kit.db import Database
from tidemill.kit.http import App, make_app
from tidemill.kit.supervise import run_loops
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.gateway import GatewayService
from tidemill.services.runservice.service import RunserviceService

pytestmark = pytest.mark.anyio

MANY = 40
#: What routes are asked beside their path.
QUERIES = {
    **dict.fromkeys(("events", "project_events", "user_events"), "after=oldest"),
    **dict.fromkeys(("project_run_log", "user_run_log"), "step=0"),
    **dict.fromkeys(("project_run_log_index", "user_run_log_index"), "step=0"),
    **dict.fromkeys(("project_secrets", "project_group_secrets"), "tree&removeoverridden"),
    **dict.fromkeys(("project_variables", "project_group_variables"), "tree&removeoverridden"),
}
#: More statements than any route needs.
MOST = 15
#: Streams that go on: how far they have read ahead when their first part is there is not told.
GOING_ON = {
    *("events", "project_events", "user_events", "follow_executor"),
    *("follow_project_run", "follow_user_run"),
}
#: Routes that answer otherwise here.
STATUSES = {"oauth2_callback": 400}
#: What only administrators may ask.
FOR_ADMINISTRATORS = {
    *("events", "executors", "executor", "follow_executor", "audit", "sealing_keys", "users", "user"),
}

Told = list[tuple[str, Any]]


@contextmanager
def statements() -> Iterator[Told]:
    """What all databases of this process are asked: statements and their parameters."""
    found: Told = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def asked(app: App, person: Person, path: str, query: str, *, is_going_on: bool) -> tuple[int, str]:
    """Status and cursor of the answer; of one that goes on, no more is read than its first part."""
    status, cursor, first = 0, "", anyio.Event()

    async def send(message: Any) -> None:
        nonlocal status, cursor
        if message["type"] == "http.response.start":
            status = message["status"]
            cursor = dict(message["headers"]).get(b"x-agola-cursor", b"").decode()
        elif message.get("body") and is_going_on:
            first.set()
            await anyio.sleep_forever()

    bodies = [b""]

    async def receive() -> Any:
        if not bodies:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": bodies.pop(), "more_body": False}

    async def ask() -> None:
        headers = [(b"host", b"ci.example"), (b"accept", b"*/*")]
        headers.append((b"authorization", f"token {person.token}".encode()))
        whole = PREFIX + path
        await app(
            {
                "type": "http",
                "method": "GET",
                "scheme": "https",
                "http_version": "1.1",
                "path": httpx2.URL(whole).path,
                "raw_path": whole.encode(),
                "query_string": query.encode(),
                "headers": headers,
                "client": ("127.0.0.1", 1),
                "server": ("ci.example", 443),
                "root_path": "",
            },
            receive,
            send,
        )
        first.set()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await first.wait()
            if is_going_on:
                group.cancel_scope.cancel()
    return status, cursor


class Asking:
    """The routes of the public API, asked for what a stock has."""

    def __init__(self, app: App, admin: Person, stock: tuple[Person, dict[str, str], dict[str, str]]) -> None:
        self._app = app
        self._admin = admin
        self._person, self._of_projects, self._of_users = stock

    async def all(self) -> dict[str, Told]:
        """The statements of every route, and of every way to ask for a list."""
        gets = [endpoint for endpoint in endpoints(Gateway) if endpoint.verb == "GET"]
        found: dict[str, Told] = {}
        # What goes on reads ahead while it is being left, and is counted with nothing behind it.
        for endpoint in sorted(gets, key=lambda one: one.name in GOING_ON):
            async for way, told in self._ways(endpoint):
                found[f"{endpoint.path} {way}".strip()] = told
        return found

    async def _ways(self, endpoint: Endpoint) -> Any:
        query = QUERIES.get(endpoint.name, "")
        yield query, (await self._ask(endpoint, query))[0]
        if any(parameter.name == "cursor" for parameter in endpoint.parameters):
            yield "all", (await self._ask(endpoint, "limit=0"))[0]
            _, cursor = await self._ask(endpoint, "limit=1")
            if cursor:
                yield "more", (await self._ask(endpoint, f"limit=1&cursor={cursor}"))[0]

    async def _ask(self, endpoint: Endpoint, query: str) -> tuple[Told, str]:
        places = self._of_users if "{userref}" in endpoint.path else self._of_projects
        person = self._admin if endpoint.name in FOR_ADMINISTRATORS else self._person
        more = {"userref": f"{places['userref']}-asked"} if endpoint.name == "org_invitation" else {}
        path = endpoint.path.format(**(places | more))
        with statements() as found:
            status, cursor = await asked(
                self._app, person, path, query, is_going_on=endpoint.name in GOING_ON
            )
        assert status == STATUSES.get(endpoint.name, 200), f"GET {path}?{query}"
        return found, cursor


@pytest.fixture
async def app(gateway: GatewayService) -> App:
    return make_app(gateway.routes())


async def test_each_route_has_its_number_of_statements(  # noqa: PLR0917 - the services that are filled
    app: App,
    gateway: GatewayService,
    configstore: ConfigstoreService,
    runservice: RunserviceService,
    outbox: Database,
    git: Repositories,
    clock: Clock,
    database_url: DatabaseUrl,
) -> None:
    """With one of everything, and with forty; a route that is not known here fails.

    And by an index: nothing is read whole, and no list is sorted whole to show a page of it.
    """
    counts: list[dict[str, Told]] = []
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://ci.example") as http:
        house = House(gateway, http, git, clock)
        for name, size in (("few", 1), ("many", MANY)):
            stock = Stock(
                house=house,
                configstore=configstore,
                runservice=runservice,
                outbox=outbox,
                clock=clock,
                name=name,
                size=size,
            )
            async with anyio.create_task_group() as group:
                group.start_soon(run_loops, gateway.loops())
                filled = await stock.build()
                group.cancel_scope.cancel()
            counts.append(await Asking(app, house.admin, filled).all())
    few, many = ({way: len(told) for way, told in asked.items()} for asked in counts)
    going_on = {way for way in many if way.partition(" ")[0].endswith(("/events", "/follow"))}
    different = {way: (few[way], many[way]) for way in few.keys() - going_on if few[way] != many[way]}
    assert different == {}
    assert all(number <= MOST for number in many.values()), many
    told = {(one, repr(given)): (one, given) for asked in counts[1].values() for one, given in asked}
    assert await faults(database_url, told.values()) == set()
    bad = ("SELECT name FROM runs", "SELECT id FROM runs ORDER BY name LIMIT 1")
    assert len(await faults(database_url, [(one, ()) for one in bad])) == len(bad)


async def faults(database_url: DatabaseUrl, told: Collection[tuple[str, Any]]) -> set[str]:
    """What is wrong with how the databases carry out these statements, each where its tables are."""
    found: set[str] = set()
    for service in ("configstore", "runservice", "gateway", "notification"):
        url = database_url(service)
        if url.startswith("sqlite"):
            found |= faults_on_sqlite(url.removeprefix("sqlite:///"), told)
        else:
            found |= await faults_on_postgresql(url, service, told)
    return found
