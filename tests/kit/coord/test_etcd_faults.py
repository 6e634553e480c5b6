"""etcd away, frozen, robbed of its data, compacted, without a quorum: who uses it waits and goes on by itself."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aetcd
import anyio
import pytest

from tests.etcd import Etcd, cluster
from tests.kit.coord.test_coordinator import heard
from tests.kit.things import refused
from tidemill.errors import Conflict, Unavailable
from tidemill.kit.coord import Candidacy, Presence, View, Watch, campaign, instances, leader
from tidemill.kit.coord.etcd import Address, EtcdCoordinator

pytestmark = pytest.mark.anyio

Join = Callable[..., Awaitable[EtcdCoordinator]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Etcd]:
    """An etcd of this test alone."""
    server = Etcd(tmp_path, "--heartbeat-interval=20", "--election-timeout=200")
    yield server.start()
    server.kill()


@pytest.fixture
def members(tmp_path: Path) -> Iterator[list[Etcd]]:
    """A cluster of three."""
    members = cluster(tmp_path)
    for member in members:
        member.begin()
    for member in members:
        member.wait()
    yield members
    for member in members:
        member.kill()


@pytest.fixture
async def join(anyio_backend: str) -> AsyncIterator[Join]:
    """A process of an installation on the given members."""
    opened: list[EtcdCoordinator] = []

    async def open_(*members: Etcd) -> EtcdCoordinator:
        url = "etcd://" + ",".join(member.target for member in members)
        opened.append(await EtcdCoordinator.open(Address(url=url)))
        return opened[-1]

    yield open_
    for coordinator in opened:
        await coordinator.close()


async def back(server: Etcd) -> None:
    """Start it again while the event loop goes on."""
    await asyncio.to_thread(server.start)


async def test_it_need_not_be_there_at_the_start(server: Etcd, join: Join) -> None:
    """A coordinator is opened while etcd is away; what is asked meanwhile waits and is answered."""
    server.kill()
    coordinator = await join(server)
    asked = asyncio.create_task(coordinator.entries(""))
    done, _ = await asyncio.wait([asked], timeout=0.2)
    assert not done
    await back(server)
    with anyio.fail_after(10):
        assert (await asked).entries == ()


async def test_a_dead_etcd_is_told_and_forgotten(server: Etcd, join: Join) -> None:
    """A call fails with Unavailable after its deadline; keys are there again with the same revisions."""
    coordinator = await join(server)
    revision = await coordinator.put("a", b"1")
    server.kill()
    with anyio.fail_after(10):
        error = await refused(coordinator.get("a"))
    assert isinstance(error, Unavailable)
    assert server.target in str(error)
    await back(server)
    with anyio.fail_after(10):
        entry = await coordinator.get("a")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"1", revision)
    assert await coordinator.put("a", b"2", revision=revision) > revision


async def test_a_frozen_etcd_is_told_and_forgotten(server: Etcd, join: Join) -> None:
    """A process that stands still keeps nobody beyond the deadline, and answers when it goes on."""
    coordinator = await join(server)
    await coordinator.put("a", b"1")
    lease = await coordinator.grant(60)
    server.freeze()
    try:
        with anyio.fail_after(10):
            calls = (coordinator.get("a"), coordinator.put("a", b"2", revision=0), coordinator.keep(lease))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    finally:
        server.thaw()
    with anyio.fail_after(10):
        assert await coordinator.get("a") is not None
        await coordinator.keep(lease)


async def test_a_watch_outlives_its_connection(server: Etcd, join: Join) -> None:
    """Changes before, while and after etcd is away are told once each and in order."""
    coordinator, other = await join(server), await join(server)
    watch = coordinator.watch("a", (await coordinator.entries("a")).revision)
    await other.put("a", b"1")
    await heard(watch, 1)
    waiting = asyncio.create_task(watch.next(30))
    await asyncio.sleep(0)
    server.kill()
    await back(server)
    await other.put("a", b"2")
    with anyio.fail_after(10):
        assert [change.value for change in await waiting] == [b"2"]
    await other.put("a", b"3")
    assert [change.value for change in await heard(watch, 1)] == [b"3"]
    watch.close()


async def test_a_watch_says_that_etcd_is_away(server: Etcd, join: Join) -> None:
    """No answer is not taken for no change; the same watch goes on afterwards."""
    coordinator = await join(server)
    watch = coordinator.watch("a", (await coordinator.entries("a")).revision)
    assert await watch.next(0.1) == []
    server.kill()
    with anyio.fail_after(10):
        assert isinstance(await refused(watch.next(0.5)), Unavailable)
    await back(server)
    await coordinator.put("a", b"1")
    assert [change.value for change in await heard(watch, 1)] == [b"1"]
    watch.close()


async def test_a_compaction_during_a_watch(server: Etcd, join: Join) -> None:
    """A connected watch does not notice; one that was away meanwhile must list again, as a view does."""
    coordinator, other = await join(server), await join(server)
    watch = coordinator.watch("a", (await coordinator.entries("a")).revision)
    view = View(coordinator, "a")
    await view.look(0)
    await other.put("a/1", b"")
    await heard(watch, 1)
    async with aetcd.Client("127.0.0.1", server.client, timeout=10) as client:
        await client.compact((await client.put(b"else", b"")).header.revision, physical=True)
        await other.put("a/2", b"")
        assert [change.key for change in await heard(watch, 1)] == ["a/2"]
        server.kill()
        await back(server)
    async with aetcd.Client("127.0.0.1", server.client, timeout=10) as client:
        await other.delete("a/1")
        await other.put("a/3", b"")
        await client.compact((await client.put(b"else", b"")).header.revision, physical=True)
    error = await refused(heard(watch, 2))
    assert isinstance(error, Conflict)
    assert error.code == "compacted"
    with anyio.fail_after(10):
        while set(view.values) != {"a/2", "a/3"}:
            assert await view.look(5)
    view.close()


async def test_lost_data_is_rebuilt(server: Etcd, join: Join) -> None:
    """Without its data leases are over, watches list again, and who holds something takes it again."""
    coordinator = await join(server)
    presence, candidacy = Presence(coordinator, "server", "one"), Candidacy(coordinator, "cron", "one")
    view, bell = View(coordinator, ""), coordinator.bells.listen("anything")
    await presence.publish(b"normal")
    first = await candidacy.stand()
    assert first is not None
    for number in range(20):
        await coordinator.put("a", b"%d" % number)
    await view.look(0)
    await bell.wait(1)
    lease = presence._lease
    server.kill()
    server.wipe()
    await back(server)
    assert await bell.wait(10)  # so that loops that listen look at once
    assert await instances(coordinator, "server") == []
    assert lease is not None
    assert isinstance(await refused(coordinator.keep(lease)), Conflict)
    await presence.show()
    second = await candidacy.stand()
    assert [instance.observed for instance in await instances(coordinator, "server")] == [b"normal"]
    assert second is not None
    assert second.token > first.token
    assert (await first.is_held(), await second.is_held()) == (False, True)
    with anyio.fail_after(10):
        while "a" in view.values or len(view.values) < 2:
            await view.look(5)
    view.close()


async def test_an_old_revision_swaps_nothing_in_new_data(server: Etcd, join: Join) -> None:
    """A comparison with a revision of lost data fails, whatever has been put since."""
    coordinator = await join(server)
    old = await coordinator.put("a", b"1")
    server.kill()
    server.wipe()
    await back(server)
    for _ in range(2):
        error = await refused(coordinator.put("a", b"2", revision=old))
        assert isinstance(error, Conflict)
        assert error.code == "revision"
        assert await coordinator.put("a", b"3") > old


async def test_tokens_grow_over_a_restored_backup(server: Etcd, join: Join) -> None:
    """An etcd that is younger than what it has told goes on above it, for every process."""
    coordinator, other = await join(server), await join(server)
    await coordinator.put("a", b"1")
    await other.put("b", b"1")
    server.kill()
    shutil.copytree(server.folder / server.name, server.folder / "backup")
    await back(server)
    for number in range(50):
        await coordinator.put("a", b"%d" % number)
    first = await campaign(coordinator, "cron", "one", await coordinator.grant(60))
    assert first is not None
    server.kill()
    server.wipe()
    (server.folder / "backup").rename(server.folder / server.name)
    await back(server)
    assert await leader(coordinator, "cron") is None
    second = await campaign(other, "cron", "two", await other.grant(60))
    assert second is not None
    assert second.token > first.token
    assert await second.is_held()
    assert not await first.is_held()


async def test_a_bell_is_heard_after_an_outage(server: Etcd, join: Join) -> None:
    """What was rung while etcd was away wakes the others when it is back."""
    one, two = await join(server), await join(server)
    bell = two.bells.listen("runs/")
    await bell.wait(1)
    server.kill()
    one.bells.ring("runs/17")
    assert not await bell.wait(0.1)
    await back(server)
    assert await bell.wait(10)
    with anyio.fail_after(10):
        while await bell.wait(0.5):  # told again, and everything when a connection is new
            pass
    one.bells.ring("runs/18")
    assert await bell.wait(5)


async def test_a_cluster_without_one_member_goes_on(members: list[Etcd], join: Join) -> None:
    """Whichever member dies, keys, leases, watches and bells go on at the others."""
    coordinator, other = await join(*members), await join(*members)
    lease = await coordinator.grant(60)
    await coordinator.put("leased", b"", lease=lease)
    watch = coordinator.watch("a", (await coordinator.entries("a")).revision)
    for number, member in enumerate(members):
        member.kill()
        with anyio.fail_after(30):
            await insist(lambda number=number: other.put("a", b"%d" % number))
            await hears(watch, b"%d" % number)
            await insist(lambda: coordinator.keep(lease))
            entry = await coordinator.get("leased")
        assert entry is not None
        await back(member)
    watch.close()


async def test_a_frozen_member_is_left(members: list[Etcd], join: Join) -> None:
    """A watch and calls at a member that stands still move to another one."""
    coordinator, other = await join(*members), await join(*members)
    watch = coordinator.watch("a", (await coordinator.entries("a")).revision)
    assert await watch.next(0.1) == []
    frozen = members[coordinator._connection._at]
    frozen.freeze()
    try:
        with anyio.fail_after(40):
            await insist(lambda: other.put("a", b"1"))
            await hears(watch, b"1")
            await insist(lambda: coordinator.get("a"))
    finally:
        frozen.thaw()
    watch.close()


async def test_a_ring_waits_for_its_way_out(members: list[Etcd], join: Join) -> None:
    """A process that alone is cut off tells the others afterwards what it has rung."""
    one, two = await join(members[0]), await join(members[1], members[2])
    bell = two.bells.listen("runs/")
    await bell.wait(1)
    await one.put("a", b"")
    members[0].kill()
    one.bells.ring("runs/17")
    with anyio.fail_after(20):
        for _ in range(2):  # the first attempt to tell it has failed by then
            assert isinstance(await refused(one.get("a")), Unavailable)
    await bell.wait(0)  # the leader may have been lost, and the watch with it
    await back(members[0])
    assert await bell.wait(20)


async def test_a_cluster_without_two_members_waits(members: list[Etcd], join: Join) -> None:
    """Without a quorum nothing is answered that might be wrong; with one member more it goes on by itself."""
    coordinator = await join(*members)
    revision = await coordinator.put("a", b"1")
    watch = coordinator.watch("a", revision)
    members[0].kill()
    members[1].kill()
    with anyio.fail_after(30):
        assert isinstance(await refused(coordinator.put("a", b"2")), Unavailable)
        assert isinstance(await refused(coordinator.get("a")), Unavailable)
    await back(members[0])
    with anyio.fail_after(30):
        await insist(lambda: coordinator.put("a", b"3"))
        await hears(watch, b"3")
    watch.close()


async def hears(watch: Watch, value: bytes) -> None:
    """Wait for *value*; a put whose answer is lost is made again, so that others may be heard before."""
    while value not in [change.value for change in await watch.next(30)]:
        pass


async def insist(call: Callable[[], Awaitable[object]]) -> None:
    """Call until the cluster has a leader again."""
    while True:
        try:
            await call()
        except Unavailable:
            continue
        return
