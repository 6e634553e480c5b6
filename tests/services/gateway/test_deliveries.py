"""Deliveries of a project: listed page by page, repeated, and nobody's business but its owner's."""

from base64 import b64decode
from itertools import count
from typing import Any

import pytest

from tests.conftest import Clock
from tests.services.gateway.conftest import House, Person, project
from tidemill.contracts.notification import DeliveryStatus
from tidemill.kit.db import Database
from tidemill.services.notification.store import claiming
from tidemill.services.notification.store import outbox as outbox_store
from tidemill.services.notification.store.outbox import Told

pytestmark = pytest.mark.anyio

_runs = count(1)


@pytest.fixture
def tell(outbox: Database, clock: Clock, hello: str) -> "Any":
    """Puts what is told of so many runs into the outbox, and says what became of the deliveries."""

    async def put(number: int, status: DeliveryStatus | None = None, code: int = 201) -> None:
        for _ in range(number):
            run = f"run-{next(_runs)}"
            told = Told(project=hello, run=run, phase="queued", result="unknown", payload=b"{}")
            ids = iter((f"webhook of {run}", f"delivery of {run}"))
            await outbox.do(lambda tx, told=told, ids=ids: outbox_store.tell(tx, [told], "one", clock(), ids))
            if status is None:
                continue
            (mine,) = await outbox.do(
                lambda tx: claiming.claim(tx, "one", 1, by="me", now=clock(), until=clock())
            )
            await outbox.do(
                lambda tx, mine=mine: claiming.settle(
                    tx, mine, status, status_code=code, reason="", now=clock()
                )
            )

    return put


async def test_a_delivery_is_shown_as_agola_shows_it(alice: Person, hello: str, tell: Any) -> None:
    """The five fields of the reference, in its order and first; what is ours comes behind them."""
    await tell(1, DeliveryStatus.DELIVERED)
    status, body = await alice.as_agola("GET", f"/projects/{hello}/runwebhookdeliveries")
    assert status == 200
    assert body.startswith(b'[{"id":"delivery of run-')
    assert (
        b'"sequence":1,"delivery_status":"delivered","delivered_at":"2026-07-30T12:00:00Z","status_code":201,'
        in body
    )
    await tell(1)
    pending = (await alice.get(f"/projects/{hello}/runwebhookdeliveries"))[1]
    assert list(pending)[:5] == ["id", "sequence", "delivery_status", "delivered_at", "status_code"]
    assert (pending["delivery_status"], pending["delivered_at"], pending["status_code"]) == (
        "notDelivered",
        None,
        0,
    )
    assert pending["next_attempt_time"] == "2026-07-30T12:00:00Z"


async def test_deliveries_come_page_by_page(alice: Person, hello: str, tell: Any) -> None:
    """In both directions; a cursor brings its filter along, and the last page is known to be the last."""
    await tell(3, DeliveryStatus.DELIVERED)
    await tell(2, DeliveryStatus.ERROR, 500)
    await tell(1)
    path = f"/projects/{hello}/runwebhookdeliveries"
    for query, wanted in (
        ("limit=2", [1, 2, 3, 4, 5, 6]),
        ("limit=2&sortdirection=desc", [6, 5, 4, 3, 2, 1]),
        ("limit=1&deliverystatus=delivered&deliverystatus=notDelivered", [1, 2, 3, 6]),
        ("limit=3&deliverystatus=deliveryError&sortdirection=desc", [5, 4]),
        ("limit=0", [1, 2, 3, 4, 5, 6]),
    ):
        assert await pages(alice, path, query) == wanted
    first = await alice.ask("GET", f"{path}?limit=2&deliverystatus=delivered")
    cursor = b64decode(first.headers["X-Agola-Cursor"])
    assert cursor == b'{"StartSequence":2,"SortDirection":"asc","DeliveryStatusFilter":["delivered"]}'


async def pages(person: Person, path: str, query: str) -> list[int]:
    """The sequences of all pages; a full last page has no cursor."""
    found: list[int] = []
    size = query.partition("limit=")[2].partition("&")[0]
    while True:
        answer = await person.ask("GET", f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        found += [one["sequence"] for one in answer.json()]
        cursor = answer.headers["X-Agola-Cursor"]
        if not cursor:
            return found
        query = f"cursor={cursor}&limit={size}"


@pytest.mark.parametrize("kind", ["runwebhookdeliveries", "commitstatusdeliveries"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=x", "invalidLimit"),
        ("limit=-1", "invalidLimit"),
        ("sortdirection=up", "invalidSortDirection"),
        ("deliverystatus=lost", "invalidDeliveryStatus"),
        ("cursor=???", "badRequest"),
        ("cursor=e30=", "badRequest"),
        (
            "cursor=eyJTdGFydFNlcXVlbmNlIjoxLCJTb3J0RGlyZWN0aW9uIjoiYXNjIn0=&deliverystatus=delivered",
            "badRequest",
        ),
        ("cursor=eyJTdGFydFNlcXVlbmNlIjoxLCJTb3J0RGlyZWN0aW9uIjoiYXNjIn0=&sortdirection=asc", "badRequest"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    alice: Person, hello: str, kind: str, query: str, code: str
) -> None:
    """With the codes of the reference, before anybody is asked for permission."""
    assert await alice.failure("GET", f"/projects/{hello}/{kind}?{query}") == (400, code)


async def test_a_delivery_is_repeated_once_at_a_time(alice: Person, hello: str, tell: Any) -> None:
    """A new one behind the others for the same webhook; not while one of it is not over."""
    await tell(1, DeliveryStatus.ERROR, 500)
    path = f"/projects/{hello}/runwebhookdeliveries"
    (first,) = await alice.get(path)
    again = f"{path}/{first['id']}/redelivery"
    answer = await alice.ask("PUT", again, accept=False)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-type" not in answer.headers
    old, new = await alice.get(path)
    assert old == first
    assert (new["sequence"], new["delivery_status"]) == (2, "notDelivered")
    assert new["run_webhook_id"] == first["run_webhook_id"]
    assert await alice.as_agola("PUT", again) == (
        400,
        b'[{"code":"runWebhookDeliveryAlreadyInProgress","details":null}]',
    )


async def test_only_deliveries_of_the_project_are_found(
    house: House, alice: Person, hello: str, tell: Any
) -> None:
    """An unknown one, and one of another project, are the same."""
    await tell(1, DeliveryStatus.DELIVERED)
    (mine,) = await alice.get(f"/projects/{hello}/runwebhookdeliveries")
    other = (await project(alice, "other"))["id"]
    assert await alice.get(f"/projects/{other}/runwebhookdeliveries") == []
    for place, known in ((other, mine["id"]), (hello, "nonsense")):
        path = f"/projects/{place}/runwebhookdeliveries/{known}/redelivery"
        assert await alice.failure("PUT", path) == (404, "runWebhookDeliveryDoesNotExist")
    assert await alice.failure("GET", "/projects/nonsense/runwebhookdeliveries") == (
        404,
        "projectDoesNotExist",
    )


async def test_commit_statuses_answer_though_there_are_none(alice: Person, hello: str) -> None:
    """No forge is told anything yet."""
    answer = await alice.ask("GET", f"/projects/{hello}/commitstatusdeliveries")
    assert (answer.json(), answer.headers["X-Agola-Cursor"]) == ([], "")
    path = f"/projects/{hello}/commitstatusdeliveries/x/redelivery"
    assert await alice.failure("PUT", path) == (404, "commitStatusDeliveryDoesNotExist")


async def test_deliveries_are_the_owners_business(house: House, alice: Person, hello: str, tell: Any) -> None:
    """Also of a public project; an administrator may."""
    await tell(1, DeliveryStatus.DELIVERED)
    path = f"/projects/{hello}/runwebhookdeliveries"
    bob = await house.person("bob")
    (mine,) = await house.admin.get(path)
    for kind in ("runwebhookdeliveries", "commitstatusdeliveries"):
        for verb, end in (("GET", ""), ("PUT", f"/{mine['id']}/redelivery")):
            place = f"/projects/{hello}/{kind}{end}"
            assert await bob.as_agola(verb, place) == (403, b"[]")
            assert await house.nobody.as_agola(verb, place) == (401, b"[]")
