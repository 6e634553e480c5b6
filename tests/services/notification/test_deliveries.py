"""Deliveries as the gateway asks for them: the same over each carrier."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.kit.probe import client, running
from tests.services.notification.conftest import World
from tidemill.contracts.notification import DeliveryStatus, Notification
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.carriers import coded, direct
from tidemill.kit.connect import connect
from tidemill.kit.contract import Page
from tidemill.kit.db import Database
from tidemill.kit.http import make_app
from tidemill.services.notification.service import INTERNAL
from tidemill.services.notification.store import claiming, outbox
from tidemill.services.notification.store.outbox import Told

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["direct", "coded", "http"])
async def asked(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Notification]:
    service = world.service(webhook_url="")
    face = cast("Notification", service.faces()[Notification])
    if request.param == "direct":
        yield direct(Notification, face)
    elif request.param == "coded":
        yield coded(Notification, face)
    else:
        async with running(make_app(service.routes())) as url, client(url) as http:
            yield connect(Notification, http, INTERNAL)


async def tell(db: Database, world: World, run: str, project: str = "p1") -> None:
    """Something that is told of a run and not delivered."""
    told = Told(project=project, run=run, phase="queued", result="unknown", payload=b"{}")
    ids = (f"webhook/{run}", f"delivery/{run}")
    await db.do(lambda tx: outbox.tell(tx, [told], "one", world.clock(), iter(ids)))


async def end(db: Database, world: World, status: DeliveryStatus) -> None:
    """The delivery whose turn it is ends."""
    now = world.clock()
    (mine,) = await db.do(lambda tx: claiming.claim(tx, "one", 1, by="me", now=now, until=now))
    await db.do(lambda tx: claiming.settle(tx, mine, status, status_code=500, reason="why", now=now))


async def test_a_story_with_every_call(asked: Notification, world: World) -> None:
    """Told, listed, ended, listed by its state and page by page, and told again."""
    await tell(world.db, world, "run 1")
    await end(world.db, world, DeliveryStatus.ERROR)
    for run in ("run 2", "run 3"):
        await tell(world.db, world, run)
    await tell(world.db, world, "elsewhere", "p2")
    page = await asked.run_webhook_deliveries("p1", limit=2)
    assert ([one.run for one in page.items], page.cursor) == (["run 1", "run 2"], "2")
    first = page.items[0]
    assert (first.id, first.status, first.status_code) == ("delivery/run 1", DeliveryStatus.ERROR, 500)
    assert (first.attempts, first.reason, first.delivered_at) == (1, "why", world.clock())
    rest = await asked.run_webhook_deliveries("p1", after=2, limit=2)
    assert ([one.run for one in rest.items], rest.cursor) == (["run 3"], "")
    backwards = await asked.run_webhook_deliveries(
        "p1", status=(DeliveryStatus.NOT_DELIVERED,), ascending=False
    )
    assert [one.run for one in backwards.items] == ["run 3", "run 2"]
    await asked.redeliver_run_webhook("p1", "delivery/run 1")
    *_, again = (await asked.run_webhook_deliveries("p1", limit=0)).items
    assert (again.webhook, again.status) == (first.webhook, DeliveryStatus.NOT_DELIVERED)
    with pytest.raises(BadRequest) as pending:
        await asked.redeliver_run_webhook("p1", "delivery/run 1")
    assert pending.value.code == "runWebhookDeliveryAlreadyInProgress"
    with pytest.raises(NotFound) as foreign:
        await asked.redeliver_run_webhook("p1", "delivery/elsewhere")
    assert foreign.value.code == "runWebhookDeliveryDoesNotExist"
    assert await asked.commit_status_deliveries("p1", status=(DeliveryStatus.DELIVERED,)) == Page([])
    with pytest.raises(NotFound) as none:
        await asked.redeliver_commit_status("p1", "x")
    assert none.value.code == "commitStatusDeliveryDoesNotExist"
