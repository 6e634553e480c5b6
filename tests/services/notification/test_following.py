"""Following the feed: by one of several, across deaths at any point, purges and imports."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import pytest
import structlog
from sqlalchemy import text

from tests.conftest import OpenDatabase
from tests.services.notification.conftest import MIGRATIONS, World
from tests.services.notification.receiver import answer, status
from tests.services.runservice.playing import create, plan, start
from tidemill.contracts.notification import DeliveryStatus
from tidemill.contracts.runservice import RunDetail, Runservice
from tidemill.core.run import RunId
from tidemill.errors import Failure, Internal, Unavailable
from tidemill.kit.db import Database
from tidemill.kit.supervise import run_loops
from tidemill.services.notification import NotificationService
from tidemill.services.notification.following import LEASE
from tidemill.services.notification.store import places

pytestmark = pytest.mark.anyio

T = TypeVar("T")

NORMAL = [("queued", "unknown"), ("running", "unknown"), ("running", "success"), ("finished", "success")]


class Dying(Database):
    """A database whose process is killed at one of its transactions: before its commit, or right after."""

    def __init__(self, inner: Database, at: int, *, is_done: bool) -> None:
        super().__init__(inner.engine)
        self._left = at
        self._is_done = is_done
        self.died = anyio.Event()

    async def do(self, fn: Callable[[Any], Awaitable[T]], *, timeout: float = 10.0) -> T:  # noqa: ASYNC109 - its base's
        if self.died.is_set():
            raise Unavailable("the dead do nothing any more")
        self._left -= 1
        if self._left >= 0:
            return await super().do(fn, timeout=timeout)
        if self._is_done:
            await super().do(fn, timeout=timeout)
        self.died.set()
        await anyio.sleep_forever()
        raise AssertionError


async def lived(service: NotificationService, died: anyio.Event) -> None:
    """A service at work until its death, or until there is nothing left to do; it says no farewell."""
    async with anyio.create_task_group() as group:

        async def live() -> None:
            await service.start()
            await run_loops(service.loops())

        group.start_soon(live)
        with anyio.move_on_after(0.3):
            await died.wait()
        died.set()
        group.cancel_scope.cancel()
    with suppress(Unavailable):
        await service.close()


@pytest.mark.parametrize("is_done", [False, True], ids=["before a commit", "after a commit"])
async def test_a_death_at_any_point_loses_nothing_and_tells_nothing_twice(
    world: World, is_done: bool
) -> None:
    """What is in the outbox is there once; what is sent again bears the ids that it had."""
    await world.service().start()
    run = await world.queued()
    for at in range(12):
        if at == 3:
            await start(world.runs, run.id)
        if at == 6:
            await world.finish(run)
        dying = Dying(world.db, at % 6, is_done=is_done)
        await lived(world.service(db=dying), dying.died)
        world.clock.advance(60)  # claims of the dead end
    async with world.notifying():
        found = await world.until(
            lambda found: len(found) == 4 and all(o.status is DeliveryStatus.DELIVERED for o in found)
        )
    assert [one.sequence for one in found] == sorted(one.sequence for one in found)
    assert list(dict.fromkeys(request.state for request in world.receiver.requests)) == NORMAL
    for one in found:
        sent = [r for r in world.receiver.requests if r.headers["x-agola-delivery"] == one.webhook]
        assert len({(r.body, r.headers["x-tidemill-delivery"]) for r in sent}) == 1


async def test_two_instances_tell_everything_once(world: World, open_database: OpenDatabase) -> None:
    """One follows, both deliver; neither delivers what the other has in hand, nor two states of a run."""
    second = await open_database("notification", MIGRATIONS)
    one, two = world.service(), world.service(db=second)
    async with anyio.create_task_group() as group:
        for service in (one, two):
            await service.start()
            group.start_soon(run_loops, service.loops())
        runs = [await world.queued(group=f"/project/p1/branch/b{index}") for index in range(10)]
        for run in runs:
            await world.runs.cancel_run(run.id)
        await world.until(
            lambda found: len(found) == 20 and all(o.status is DeliveryStatus.DELIVERED for o in found)
        )
        group.cancel_scope.cancel()
    assert len(world.receiver.requests) == 20
    for run in runs:
        mine = [r.state[0] for r in world.receiver.requests if r.webhook.run.id == run.id]
        assert mine == ["queued", "cancelled"]
    for service in (one, two):
        await service.close()


async def test_one_instance_stands_back_until_the_other_is_silent(world: World) -> None:
    """The last one started follows; the other takes the place when it is free or its time is over."""
    first, second = world.service(), world.service()
    await first.start()
    await second.start()
    follow = {loop.name: loop for loop in first.loops()}["follow-runs"]
    with anyio.fail_after(5):
        await follow.work()  # not its turn
    run = await world.queued()
    world.clock.advance(LEASE + 1)
    async with anyio.create_task_group() as group:
        group.start_soon(run_loops, first.loops())
        (request,) = await world.receiver.wait_for(1)
        await world.until(lambda found: found[0].status is DeliveryStatus.DELIVERED)
        group.cancel_scope.cancel()
    assert request.webhook.run.id == run.id
    await first.close()
    await second.close()


async def test_who_has_lost_the_place_tells_nothing_more(world: World) -> None:
    """Although it still hears what happens: what the other one told is not told twice."""
    async with world.notifying(webhook_timeout=1.0):
        await world.queued(group="/project/p1/branch/one")
        await world.receiver.wait_for(1)
        async with world.notifying():
            await world.queued(group="/project/p1/branch/two")
            found = await world.until(
                lambda found: len(found) == 2 and all(o.status is DeliveryStatus.DELIVERED for o in found)
            )
    assert len(found) == len(world.receiver.requests) == 2


async def test_events_that_were_purged_are_said_to_be_missed(world: World) -> None:
    """What was told of a run and has ended since is told as it is now; what follows is told as ever."""
    async with world.notifying():
        run = await world.queued()
        await world.until(lambda found: bool(found) and found[0].status is DeliveryStatus.DELIVERED)
    await start(world.runs, run.id)
    await world.finish(run)
    await world.queued(group="/project/p1/branch/missed")
    world.clock.advance(10)
    await world.purge_events()
    last = await world.queued(group="/project/p1/branch/last")
    with structlog.testing.capture_logs() as logs:
        async with world.notifying():
            await world.receiver.wait_for(4)
    assert [r.state for r in world.receiver.requests if r.webhook.run.id == run.id] == [
        NORMAL[0],
        *NORMAL[2:],
    ]
    assert {r.webhook.run.id for r in world.receiver.requests} == {run.id, last.id}
    (said,) = [entry for entry in logs if "were missed" in entry["event"]]
    assert said["code"] == "eventsPurged"


async def test_after_an_import_it_goes_on_with_what_there_is(world: World) -> None:
    """Another history of the feed: what is there and was told before is not told again."""
    async with world.notifying():
        first = await world.queued(group="/project/p1/branch/one")
        await world.until(lambda found: bool(found) and found[0].status is DeliveryStatus.DELIVERED)
    await world.db.do(lambda tx: tx.run(text("UPDATE places SET position = 'another-17'")))
    second = await world.queued(group="/project/p1/branch/two")
    async with world.notifying():
        await world.until(lambda found: len(found) == 2)
        await world.receiver.wait_for(2)
    assert [r.webhook.run.id for r in world.receiver.requests] == [first.id, second.id]


async def test_an_event_that_nobody_understands_stands_in_nobodys_way(world: World) -> None:
    """It is logged and passed over."""
    await world.service().start()
    world.clock.advance(1)
    await world.emit(b'{"kind":"run","group":"/project/p1","nonsense":true}')
    run = await world.queued()
    async with world.notifying():
        (request,) = await world.receiver.wait_for(1)
    assert request.webhook.run.id == run.id


class WithoutPlans(Runservice):
    """A runservice that cannot read plans, which is its own fault."""

    def __init__(self) -> None:
        self.failures: list[Failure] = [Unavailable("starting")]

    async def run(self, id: RunId) -> RunDetail:
        raise self.failures.pop() if self.failures else Internal("this plan cannot be read")


async def test_a_run_whose_plan_cannot_be_read_is_told_all_the_same(world: World) -> None:
    """But a runservice that is away is asked again."""
    world.runs = asked = WithoutPlans()
    async with world.notifying():
        (made,) = await create(world.real_runs, plan())
        (request,) = await world.receiver.wait_for(1)
    assert request.webhook.run.id == made.id
    assert not asked.failures


async def test_the_place_is_kept_though_nothing_is_to_be_told(world: World) -> None:
    """The events of users' runs move it too, only not each by itself."""
    async with world.notifying():
        await world.queued(group="/user/u1/branch/main")
        before = await world.db.read(places.position)
        world.clock.advance(30)
        await world.queued(group="/user/u1/branch/other")
        with anyio.fail_after(60):
            while await world.db.read(places.position) == before:
                await anyio.lowlevel.checkpoint()
    assert world.receiver.requests == []


async def test_a_run_that_was_removed_meanwhile_is_told_as_it_was(world: World) -> None:
    """Without its place in the graph, which nobody knows any more."""
    await world.service().start()
    run = await world.queued()
    await world.runs.cancel_run(run.id)
    await world.remove(run)
    world.receiver.answer = answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    async with world.notifying():
        requests = await world.receiver.wait_for(2)
    assert [r.state[0] for r in requests] == ["queued", "cancelled"]
    (task,) = requests[0].webhook.run.tasks.values()
    assert (task.name, task.depends) == ("task", {})
    world.receiver.answer = status(201)
