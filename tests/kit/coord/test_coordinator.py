"""What every coordinator does, over each implementation of it."""

import asyncio

import anyio
import pytest

from tests.kit.coord.conftest import Open, World
from tests.kit.things import refused
from tidemill.errors import Conflict
from tidemill.kit.coord import Change, Coordinator, Watch

pytestmark = pytest.mark.anyio

LEASE = 2.0


async def heard(watch: Watch, count: int) -> list[Change]:
    """The next *count* changes; they may come one after the other."""
    changes: list[Change] = []
    with anyio.fail_after(10):
        while len(changes) < count:
            changes += await watch.next(5)
    assert len(changes) == count
    return changes


async def test_a_key_keeps_its_value(open_: Open, coordinator: Coordinator) -> None:
    """A key is there after a restart, with its revision."""
    revision = await coordinator.put("a/1", b"one")
    again = await open_()
    entry = await again.get("a/1")
    assert entry is not None
    assert (entry.key, entry.value, entry.revision, entry.lease) == ("a/1", b"one", revision, "")
    assert await again.get("a") is None


async def test_keys_are_listed_by_prefix(coordinator: Coordinator) -> None:
    """A listing holds what begins with the prefix, by key, whatever characters it has."""
    for key in ("b/2", "a", "b/1", "b", "B/1", "b%", "b/\U0010fffe", "c"):
        await coordinator.put(key, key.encode())
    listing = await coordinator.entries("b/")
    assert [entry.key for entry in listing.entries] == ["b/1", "b/2", "b/\U0010fffe"]
    assert len((await coordinator.entries("")).entries) == 8


async def test_revisions_only_grow(open_: Open, coordinator: Coordinator) -> None:
    """Every change has a larger revision than all before it, over deletes and restarts."""
    revisions = [await coordinator.put("a", b"1"), await coordinator.put("b", b"2")]
    await coordinator.delete("b")
    again = await open_()
    revisions.append(await again.put("b", b"3"))
    assert revisions == sorted(set(revisions))
    assert revisions[2] > revisions[1] + 1


async def test_a_swap_needs_the_revision_it_saw(coordinator: Coordinator) -> None:
    """Compare-and-swap succeeds on the revision read and on no other; 0 means a new key."""
    first = await coordinator.put("a", b"1", revision=0)
    second = await coordinator.put("a", b"2", revision=first)
    for stale in (0, first, second + 1):
        error = await refused(coordinator.put("a", b"3", revision=stale))
        assert isinstance(error, Conflict)
        assert error.code == "revision"
        assert isinstance(await refused(coordinator.delete("a", revision=stale)), Conflict)
    assert await coordinator.delete("a", revision=second)
    assert not await coordinator.delete("a")


async def test_of_many_swaps_one_wins(coordinator: Coordinator) -> None:
    """Concurrent comparisons of the same revision let exactly one through."""
    swaps = (coordinator.put("a", b"%d" % number, revision=0) for number in range(20))
    outcomes = await asyncio.gather(*swaps, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 19 + ["int"]


async def test_a_watch_tells_every_change_in_order(coordinator: Coordinator) -> None:
    """From its revision on a watch answers each change under its prefix once."""
    start = (await coordinator.entries("a/")).revision
    watch = coordinator.watch("a/", start)
    one = await coordinator.put("a/1", b"1")
    await coordinator.put("b/1", b"1")
    two = await coordinator.put("a/1", b"2")
    await coordinator.delete("a/1")
    last = await coordinator.put("a/2", b"last")
    changes = await heard(watch, 4)
    assert changes == [
        Change(key="a/1", value=b"1", revision=one),
        Change(key="a/1", value=b"2", revision=two),
        Change(key="a/1", value=None, revision=changes[2].revision),
        Change(key="a/2", value=b"last", revision=last),
    ]
    assert two < changes[2].revision < last
    assert watch.revision == last
    assert await watch.next(0) == []
    watch.close()


async def test_a_watch_waits_for_a_change(coordinator: Coordinator) -> None:
    """A change wakes the watch long before its timer."""
    watch = coordinator.watch("a/", (await coordinator.entries("a/")).revision)
    waiting = asyncio.create_task(watch.next(60))
    await asyncio.sleep(0)
    await coordinator.put("b/1", b"not this")
    await coordinator.put("a/1", b"this")
    with anyio.fail_after(5):
        assert [change.value for change in await waiting] == [b"this"]
    watch.close()


async def test_a_watch_resumes_after_a_restart(open_: Open, coordinator: Coordinator) -> None:
    """A new watch goes on behind the revision that an old one had seen."""
    watch = coordinator.watch("a", (await coordinator.entries("a")).revision)
    await coordinator.put("a", b"1")
    await heard(watch, 1)
    watch.close()
    await coordinator.put("a", b"2")
    again = await open_()
    await again.put("a", b"3")
    watch = again.watch("a", watch.revision)
    assert [change.value for change in await heard(watch, 2)] == [b"2", b"3"]
    watch.close()


async def test_a_forgotten_history_is_told(coordinator: Coordinator, world: World) -> None:
    """A watch that would have to skip changes, or knows ones that never were, must list again."""
    for number in range(60):
        await coordinator.put("a", b"%d" % number)
    await world.forget(50)
    last = (await coordinator.entries("")).revision
    for unknown in (0, last - 51, last + 1):
        error = await refused(coordinator.watch("a", unknown).next(5))
        assert isinstance(error, Conflict)
        assert error.code == "compacted"
    watch = coordinator.watch("a", last - 50)
    assert len(await heard(watch, 50)) == 50
    watch.close()


async def test_keys_end_with_their_lease(coordinator: Coordinator, world: World) -> None:
    """When a lease is not kept its keys are gone, others stay, and watches hear of it."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a/leased", b"", lease=lease)
    await coordinator.put("a/free", b"")
    watch = coordinator.watch("a/", (await coordinator.entries("a/")).revision)
    await world.almost(lease)
    assert await watch.next(0) == []
    await world.over(lease)
    assert [(change.key, change.value) for change in await heard(watch, 1)] == [("a/leased", None)]
    assert [entry.key for entry in (await coordinator.entries("a/")).entries] == ["a/free"]
    watch.close()


async def test_a_kept_lease_goes_on(coordinator: Coordinator, world: World) -> None:
    """Each sign of life starts the time again; after its end there is none."""
    lease = await coordinator.grant(LEASE)
    revision = await coordinator.put("a", b"", lease=lease)
    for _ in range(3):
        await world.almost(lease)
        await coordinator.keep(lease)
    entry = await coordinator.get("a")
    assert entry is not None
    assert (entry.lease, entry.revision) == (lease.id, revision)
    await world.over(lease)
    for late in (coordinator.keep(lease), coordinator.put("a", b"", lease=lease)):
        error = await refused(late)
        assert isinstance(error, Conflict)
        assert error.code == "leaseExpired"
    assert await coordinator.get("a") is None


async def test_a_key_can_leave_its_lease(coordinator: Coordinator, world: World) -> None:
    """A put without a lease makes a key that stays; deleting it by its lease's end does not touch it."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a", b"1", lease=lease)
    await coordinator.put("a", b"2")
    await world.over(lease)
    entry = await coordinator.get("a")
    assert entry is not None
    assert entry.lease == ""


async def test_a_revoked_lease_ends_at_once(coordinator: Coordinator) -> None:
    """Revoking removes the keys without waiting, and twice is as good as once."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a", b"", lease=lease)
    await coordinator.revoke(lease)
    await coordinator.revoke(lease)
    assert await coordinator.get("a") is None


async def test_leases_end_with_their_process(open_: Open, coordinator: Coordinator) -> None:
    """After a restart the leases of the process before hold nothing any more."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a", b"", lease=lease)
    again = await open_()
    assert await again.get("a") is None
    assert isinstance(await refused(again.keep(lease)), Conflict)
