"""What webhooks are told, from the change of a run to the request (reference, API 4.1)."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from tests.services.notification.conftest import World
from tests.services.notification.receiver import Request, status
from tests.services.runservice.playing import create, plan, start, task
from tidemill.contracts.notification import DeliveryStatus, RunWebhookDelivery
from tidemill.contracts.runservice import CreateRuns, NewRun
from tidemill.core.job import Outcome
from tidemill.kit.go_json import encode

pytestmark = pytest.mark.anyio

NORMAL = [("queued", "unknown"), ("running", "unknown"), ("running", "success"), ("finished", "success")]


def are_delivered(found: Sequence[RunWebhookDelivery]) -> bool:
    return bool(found) and all(one.status is DeliveryStatus.DELIVERED for one in found)


async def test_a_run_is_told_of_four_times(world: World) -> None:
    """Queued, running, with its result, finished; the tasks as they were at each of these times."""
    async with world.notifying():
        run = await world.ran(Outcome.SUCCESS, task("one"), task("two", "one"))
        requests = await world.receiver.wait_for(4)
        await world.until(are_delivered)
    assert world.receiver.states == NORMAL
    told = [request.webhook for request in requests]
    assert {one.run.id for one in told} == {run.id}
    assert {one.project_info.project_id for one in told} == {"p1"}
    assert [{t.status for t in one.run.tasks.values()} for one in told] == [
        {"notstarted"},
        {"notstarted"},
        {"success"},
        {"success"},
    ]
    assert [one.run.end_time is None for one in told] == [True, True, True, False]
    two = next(t for t in told[0].run.tasks.values() if t.name == "two")
    (depend,) = two.depends.values()
    assert (two.level, depend.conditions) == (0, ("on_success",))
    assert len(two.steps) == 1


async def test_a_failure_is_told_as_such(world: World) -> None:
    """The same four, with `failed`."""
    async with world.notifying():
        await world.ran(Outcome.FAILED)
        await world.receiver.wait_for(4)
    assert world.receiver.states[2:] == [("running", "failed"), ("finished", "failed")]


async def test_a_setup_error_is_told_once_and_a_cancelled_run_twice(world: World) -> None:
    """Of the first there are no tasks."""
    broken = NewRun(name="Setup Error", setup_errors=("bad <yaml>",), annotations={"ref_type": "branch"})
    async with world.notifying():
        await world.runs.create_runs(CreateRuns(key="k", group="/project/p1/branch/x", runs=(broken,)))
        (request,) = await world.receiver.wait_for(1)
        assert request.state == ("setuperror", "unknown")
        assert (request.webhook.run.tasks, request.webhook.run.setup_errors) == ({}, ("bad <yaml>",))
        assert b'"ref_type":"branch","ref":"","name":"Setup Error"' in request.body
        assert b'["bad \\u003cyaml\\u003e"]' in request.body
        run = await world.queued()
        await world.runs.cancel_run(run.id)
        await world.receiver.wait_for(3)
    assert world.receiver.states[1:] == [("queued", "unknown"), ("cancelled", "unknown")]


async def test_runs_of_users_are_told_to_nobody(world: World) -> None:
    """Agola sends the four bytes `null`; here is nothing."""
    async with world.notifying():
        await create(world.runs, plan(), group="/user/u1/branch/main")
        await world.queued()
        (request,) = await world.receiver.wait_for(1)
        await world.until(are_delivered)
    assert request.webhook.project_info.project_id == "p1"
    assert len(world.receiver.requests) == 1


async def test_a_request_is_byte_for_byte_agolas(world: World) -> None:
    """Its headers; a body that stays the same when it is read and written again; its signature."""
    async with world.notifying():
        await world.queued(task("a & b"))
        (request,) = await world.receiver.wait_for(1)
        await world.until(are_delivered)
    (delivery,) = await world.deliveries()
    assert request.line == "POST /hook?token=of-the-url HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-agola-event"] == "run"
    assert request.headers["x-agola-delivery"] == delivery.webhook
    assert request.headers["x-tidemill-delivery"] == delivery.id
    assert request.headers["x-tidemill-attempt"] == "1"
    assert request.is_signed
    assert encode(request.webhook) == request.body
    assert b'"name":"a \\u0026 b"' in request.body
    assert msgspec.json.decode(request.body)["version"] == 1


async def test_without_a_secret_nothing_is_signed(world: World) -> None:
    """Neither header is there."""
    async with world.notifying(webhook_secret=""):
        await world.queued()
        (request,) = await world.receiver.wait_for(1)
    assert not {"x-agola-sha256signature", "x-tidemill-signature"} & request.headers.keys()


async def test_what_happened_before_a_webhook_was_set_is_nobodys_business(world: World) -> None:
    """Nor what happens while none is set; what happens from the first start on is told."""
    await world.queued()
    world.clock.advance(1)
    async with world.notifying():
        second = await world.queued()
        (request,) = await world.receiver.wait_for(1)
        await world.until(are_delivered)
    assert request.webhook.run.id == second.id
    async with world.notifying(webhook_url=""):
        await world.queued()
    world.clock.advance(1)
    async with world.notifying():
        last = await world.queued()
        requests = await world.receiver.wait_for(2)
    assert requests[1].webhook.run.id == last.id


async def test_what_happened_while_nobody_followed_is_told_afterwards(world: World) -> None:
    """The place in the feed is remembered."""
    async with world.notifying():
        run = await world.queued()
        await world.receiver.wait_for(1)
        await world.until(are_delivered)
    await start(world.runs, run.id)
    await world.finish(run)
    async with world.notifying():
        await world.receiver.wait_for(4)
    assert world.receiver.states == NORMAL


async def test_states_of_a_run_arrive_in_their_order(world: World) -> None:
    """One that fails is tried again before the next is told; other runs do not wait for it."""
    answers = iter([status(500)])
    good = world.receiver.answer

    async def first_fails(request: Request, writer: asyncio.StreamWriter) -> None:
        await next(answers, good)(request, writer)

    world.receiver.answer = first_fails
    async with world.notifying():
        run = await world.ran()
        await world.until(lambda found: len(found) == 4 and found[0].attempts == 1)
        other = await world.queued(group="/project/p1/branch/other")
        assert (await world.receiver.wait_for(2))[1].webhook.run.id == other.id
        world.pass_time(10)
        await world.receiver.wait_for(6)
    told = [one for one in world.receiver.requests if one.webhook.run.id == run.id]
    assert [one.state for one in told] == [NORMAL[0], *NORMAL]
    assert [one.headers["x-tidemill-attempt"] for one in told] == ["1", "2", "1", "1", "1"]
    assert len({one.headers["x-agola-delivery"] for one in told}) == 4
