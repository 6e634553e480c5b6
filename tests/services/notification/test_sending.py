"""Deliveries to receivers that fail, are slow, are gone, or want them elsewhere; and their end."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
import structlog

from tests.services.notification.conftest import World
from tests.services.notification.receiver import SECRET, Request, answer, receiving, status
from tidemill.contracts.notification import DeliveryStatus, RunWebhookDelivery
from tidemill.errors import BadRequest
from tidemill.services.notification import patience

pytestmark = pytest.mark.anyio

PENDING, DELIVERED, ERROR = DeliveryStatus


def tried(times: int, index: int = 0) -> Callable[[Sequence[RunWebhookDelivery]], bool]:
    """Whether a delivery was tried so often."""
    return lambda found: len(found) > index and found[index].attempts >= times


async def test_every_success_is_one(world: World) -> None:
    """Agola takes 201 alone."""
    async with world.notifying():
        for index, code in enumerate((200, 201, 202, 204, 299)):
            world.receiver.answer = status(code)
            await world.queued(group=f"/project/p1/branch/b{index}")
            one = (await world.until(tried(1, index)))[index]
            assert (one.status, one.status_code, one.delivered_at) == (DELIVERED, code, world.clock.now)
            assert (one.reason, one.next_attempt_at) == ("", None)


async def test_a_failure_is_tried_again_later_and_later(world: World) -> None:
    """Until the receiver takes it; the same content under the same ids."""
    world.receiver.answer = status(500)
    async with world.notifying():
        await world.queued()
        for attempt in range(1, 4):
            (one,) = await world.until(tried(attempt))
            assert (one.status, one.status_code, one.delivered_at) == (PENDING, 0, None)
            assert one.reason == "the receiver answered 500"
            assert one.next_attempt_at is not None
            wait = (one.next_attempt_at - world.clock.now).total_seconds()
            assert 0.75 * 5 * 2 ** (attempt - 1) <= wait <= 1.25 * 5 * 2 ** (attempt - 1)
            if attempt == 3:
                world.receiver.answer = status(201)
            world.pass_time(wait)
        (one,) = await world.until(tried(4))
    assert (one.status, one.status_code, one.attempts) == (DELIVERED, 201, 4)
    assert [r.headers["x-tidemill-attempt"] for r in world.receiver.requests] == ["1", "2", "3", "4"]
    assert (
        len(
            {
                (r.headers["x-agola-delivery"], r.headers["x-tidemill-delivery"], r.body)
                for r in world.receiver.requests
            }
        )
        == 1
    )


async def test_it_is_given_up_after_so_many_attempts(world: World) -> None:
    """With the last answer; what waited behind it is tried then."""
    world.receiver.answer = status(404)
    async with world.notifying(webhook_attempts=2):
        run = await world.queued()
        await world.runs.cancel_run(run.id)
        await world.until(lambda found: len(found) == 2 and found[0].attempts == 1)
        world.pass_time(10)
        first, second = await world.until(tried(1, 1))
        assert (first.status, first.status_code, first.attempts) == (ERROR, 404, 2)
        assert first.delivered_at == world.clock.now
        assert second.status is PENDING
    assert world.receiver.states == [("queued", "unknown")] * 2 + [("cancelled", "unknown")]


async def test_a_redirect_is_a_failure(world: World) -> None:
    """Nothing goes to the other place."""
    moved = b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
    async with receiving() as elsewhere, world.notifying(webhook_attempts=1):
        for index, code in enumerate((301, 302, 307, 308)):
            world.receiver.answer = answer(moved % (code, elsewhere.url.encode()))
            await world.queued(group=f"/project/p1/branch/b{index}")
            one = (await world.until(tried(1, index)))[index]
            assert (one.status, one.status_code) == (ERROR, code)
        assert elsewhere.connections == 0


async def test_an_address_of_an_inner_network_is_refused(world: World) -> None:
    """Without a setting that allows it; the reason names no address to who owns the project."""
    async with world.notifying(webhook_allow=(), webhook_attempts=1):
        await world.queued()
        (one,) = await world.until(tried(1))
    assert (one.status, one.status_code, one.delivered_at) == (ERROR, 0, None)
    assert one.reason == "the address of the receiver is not one that webhooks may go to"
    assert world.receiver.connections == 0


async def test_a_receiver_that_says_nothing_is_a_failure(world: World) -> None:
    """After the time that the settings give it."""
    world.receiver.answer = answer(b"")
    async with world.notifying(webhook_timeout=0.2, webhook_attempts=1):
        await world.queued()
        (one,) = await world.until(tried(1))
    assert (one.status, one.reason) == (ERROR, "no answer within 0.2 s")


async def test_a_slow_receiver_holds_up_no_other_run(world: World) -> None:
    """Several deliveries are under way at once, but one for each run."""
    go_on = asyncio.Event()
    good = world.receiver.answer

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        await good(request, writer)

    world.receiver.answer = slowly
    async with world.notifying():
        run = await world.queued()
        await world.runs.cancel_run(run.id)
        other = await world.queued(group="/project/p1/branch/other")
        requests = await world.receiver.wait_for(2)
        assert {one.webhook.run.id for one in requests} == {run.id, other.id}
        assert world.receiver.at_once == 2
        go_on.set()
        await world.until(lambda found: len(found) == 3 and are_over(found))


def are_over(found: Sequence[RunWebhookDelivery]) -> bool:
    return bool(found) and all(one.status is not PENDING for one in found)


async def test_a_dead_receiver_rests_and_one_delivery_finds_out_when_it_is_back(world: World) -> None:
    """After a few failures in a row nothing is sent for a while, though much is due."""
    world.receiver.answer = status(503)
    async with world.notifying():
        for index in range(patience.FAILURES + 3):
            await world.queued(group=f"/project/p1/branch/b{index}")
        await world.until_it_rests()
        before = len(world.receiver.requests)
        world.pass_time(7)  # the first are due again, but the receiver rests
        await world.deliveries()
        assert len(world.receiver.requests) == before
        world.pass_time(6)
        await world.receiver.wait_for(before + 1)
        await world.until(lambda found: sum(one.attempts for one in found) > before)
        assert len(world.receiver.requests) == before + 1
        world.receiver.answer = status(201)
        world.pass_time(400)
        await world.until(are_over)


async def test_a_receiver_that_takes_something_is_awake_again(world: World) -> None:
    """Failures are counted in a row: one success, and the next ones are sent at once."""
    world.receiver.answer = status(500)
    async with world.notifying(webhook_attempts=1):
        for turn in range(3 * patience.FAILURES):
            world.receiver.answer = status(201 if turn % patience.FAILURES == 1 else 500)
            await world.queued(group=f"/project/p1/branch/b{turn}")
            await world.until(tried(1, turn))
    assert len(world.receiver.requests) == 3 * patience.FAILURES


async def test_a_repetition_is_sent_though_the_receiver_rests(world: World) -> None:
    """Somebody says with it that the receiver is back."""
    world.receiver.answer = status(500)
    async with world.notifying(webhook_attempts=1) as service:
        for index in range(patience.FAILURES):
            await world.queued(group=f"/project/p1/branch/b{index}")
            first, *_ = await world.until(tried(1, index))
        world.receiver.answer = status(201)
        (deliveries,) = service.faces().values()
        await deliveries.redeliver_run_webhook("p1", first.id)  # type: ignore[attr-defined]
        found = await world.until(tried(1, patience.FAILURES))
    assert found[0] == first
    assert found[-1].status is DELIVERED
    last = world.receiver.requests[-1]
    assert (last.headers["x-agola-delivery"], last.headers["x-tidemill-delivery"]) == (
        first.webhook,
        found[-1].id,
    )


async def test_what_is_under_way_when_the_server_ends_is_sent_again_at_once(world: World) -> None:
    """Its claim is given back, so that nobody waits for its end."""
    world.receiver.answer = answer(b"")
    async with world.notifying():
        await world.queued()
        await world.receiver.wait_for(1)
    world.receiver.answer = status(201)
    async with world.notifying():
        (one,) = await world.until(tried(1))
    first, second = world.receiver.requests
    assert (one.status, one.attempts) == (DELIVERED, 1)
    assert first.headers["x-tidemill-delivery"] == second.headers["x-tidemill-delivery"]


async def test_old_webhooks_go_with_their_deliveries(world: World) -> None:
    """Also what was never delivered; what waited behind it is still sent."""
    world.receiver.answer = status(500)
    async with world.notifying(run_webhook_expire_interval=3600.0):
        run = await world.queued()
        await world.until(tried(1))
        world.clock.advance(3000)
        await world.runs.cancel_run(run.id)
        await world.until(lambda found: len(found) == 2)
        world.receiver.answer = status(201)
    world.clock.advance(1000)
    async with world.notifying(run_webhook_expire_interval=3600.0):
        (left,) = await world.until(lambda found: len(found) == 1 and are_over(found))
    assert left.status is DELIVERED
    assert world.receiver.states[-1] == ("cancelled", "unknown")


async def test_neither_the_secret_nor_the_address_is_ever_logged(world: World) -> None:
    """Whatever goes wrong; an address may have a token in it."""
    with structlog.testing.capture_logs() as logs:
        for index, broken in enumerate((status(500), answer(b"nonsense\r\n\r\n"), answer(b""))):
            world.receiver.answer = broken
            async with world.notifying(webhook_timeout=0.2, webhook_attempts=1):
                await world.queued(group=f"/project/p1/branch/b{index}")
                await world.until(tried(1, index))
        async with world.notifying(webhook_allow=(), webhook_attempts=1):
            await world.queued(group="/project/p1/branch/last")
            await world.until(tried(1, 3))
    text = repr(logs)
    assert "not delivered" in text
    assert SECRET not in text
    assert "of-the-url" not in text
    assert SECRET not in repr(world.settings())


async def test_settings_that_cannot_work_are_refused_at_the_start(world: World) -> None:
    """With what to write instead."""
    for setting, value in (
        ("webhook_url", "nonsense"),
        ("webhook_url", "ftp://x/"),
        ("webhook_allow", ("lan",)),
    ):
        with pytest.raises(BadRequest) as refused:
            world.service(**{setting: value})
        assert refused.value.code == "badSettings"
