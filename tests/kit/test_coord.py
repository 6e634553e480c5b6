"""What every coordinator does, over each implementation of it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.kit.things import refused
from tidemill.errors import BadRequest, Conflict
from tidemill.kit.coord import Change, Coordinator, Leadership, Presence, campaign, instances, leader
from tidemill.kit.coord.embedded import EmbeddedCoordinator

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
LEASE = 10.0


class Time:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


Open = Callable[[], Awaitable[Coordinator]]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["embedded"])
async def open_(
    request: pytest.FixtureRequest, tmp_path: Path, time: Time, anyio_backend: str
) -> AsyncIterator[Open]:
    """Opens the coordinator of this test; again, once the one before is closed."""
    opened: list[EmbeddedCoordinator] = []

    async def open_one() -> Coordinator:
        for before in opened:
            await before.close()
        opened[:] = [await EmbeddedCoordinator.open(tmp_path / "coord.db", clock=time, history=50)]
        return opened[0]

    yield open_one
    for coordinator in opened:
        await coordinator.close()


@pytest.fixture
async def coordinator(open_: Open) -> Coordinator:
    return await open_()


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
    changes = await watch.next(0)
    assert changes == [
        Change(key="a/1", value=b"1", revision=one),
        Change(key="a/1", value=b"2", revision=two),
        Change(key="a/1", value=None, revision=two + 1),
    ]
    assert await watch.next(0) == []
    watch.close()


async def test_a_watch_waits_for_a_change(coordinator: Coordinator) -> None:
    """A change wakes the watch long before its timer."""
    watch = coordinator.watch("a/", 0)
    waiting = asyncio.create_task(watch.next(60))
    await asyncio.sleep(0)
    await coordinator.put("b/1", b"not this")
    await coordinator.put("a/1", b"this")
    with anyio.fail_after(5):
        assert [change.value for change in await waiting] == [b"this"]
    watch.close()


async def test_a_watch_resumes_after_a_restart(open_: Open, coordinator: Coordinator) -> None:
    """A new watch goes on behind the revision that an old one had seen."""
    await coordinator.put("a", b"1")
    watch = coordinator.watch("a", 0)
    await watch.next(0)
    await coordinator.put("a", b"2")
    again = await open_()
    await again.put("a", b"3")
    assert [change.value for change in await again.watch("a", watch.revision).next(0)] == [b"2", b"3"]


async def test_a_forgotten_history_is_told(coordinator: Coordinator) -> None:
    """A watch that would have to skip changes, or knows ones that never were, must list again."""
    for number in range(60):
        await coordinator.put("a", b"%d" % number)
    last = (await coordinator.entries("")).revision
    for unknown in (0, last - 51, last + 1):
        error = await refused(coordinator.watch("a", unknown).next(0))
        assert isinstance(error, Conflict)
        assert error.code == "compacted"
    assert len(await coordinator.watch("a", last - 50).next(0)) == 50


async def test_keys_end_with_their_lease(coordinator: Coordinator, time: Time) -> None:
    """When a lease is not kept its keys are gone, others stay, and watches hear of it."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a/leased", b"", lease=lease)
    await coordinator.put("a/free", b"")
    watch = coordinator.watch("a/", (await coordinator.entries("a/")).revision)
    time.pass_(LEASE - 1)
    assert await watch.next(0) == []
    time.pass_(1)
    assert [(change.key, change.value) for change in await watch.next(0)] == [("a/leased", None)]
    assert [entry.key for entry in (await coordinator.entries("a/")).entries] == ["a/free"]


async def test_a_kept_lease_goes_on(coordinator: Coordinator, time: Time) -> None:
    """Each sign of life starts the time again; after its end there is none."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a", b"", lease=lease)
    for _ in range(3):
        time.pass_(LEASE - 1)
        await coordinator.keep(lease)
    assert await coordinator.get("a") is not None
    time.pass_(LEASE)
    for late in (coordinator.keep(lease), coordinator.put("a", b"", lease=lease)):
        error = await refused(late)
        assert isinstance(error, Conflict)
        assert error.code == "leaseExpired"
    assert await coordinator.get("a") is None


async def test_a_key_can_leave_its_lease(coordinator: Coordinator, time: Time) -> None:
    """A put without a lease makes a key that stays; deleting it by its lease's end does not touch it."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a", b"1", lease=lease)
    await coordinator.put("a", b"2")
    time.pass_(LEASE)
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


async def test_one_leads_at_a_time(coordinator: Coordinator, time: Time) -> None:
    """A second candidate gets nothing until the first is gone, and then a larger token."""
    first = await lead(coordinator, "one")
    assert await campaign(coordinator, "cron", "two", await coordinator.grant(LEASE)) is None
    assert await leader(coordinator, "cron") == "one"
    time.pass_(LEASE)
    second = await lead(coordinator, "two")
    assert second.token > first.token
    assert (await first.is_held(), await second.is_held()) == (False, True)


async def test_a_deposed_leader_cannot_resign_for_another(coordinator: Coordinator, time: Time) -> None:
    """Resigning what is lost already leaves the new leader in its place."""
    first = await lead(coordinator, "one")
    time.pass_(LEASE)
    second = await lead(coordinator, "two")
    await first.resign()
    assert await second.is_held()
    await second.resign()
    assert await leader(coordinator, "cron") is None


async def test_a_candidate_waits_for_its_turn(coordinator: Coordinator) -> None:
    """Whoever waits takes over as soon as the leader resigns."""
    first = await lead(coordinator, "one")
    lease = await coordinator.grant(LEASE)
    waiting = asyncio.create_task(campaign(coordinator, "cron", "two", lease, seconds=60))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    await first.resign()
    with anyio.fail_after(5):
        second = await waiting
    assert second is not None
    assert second.token > first.token


async def lead(coordinator: Coordinator, who: str) -> Leadership:
    leadership = await campaign(coordinator, "cron", who, await coordinator.grant(LEASE))
    assert leadership is not None
    return leadership


async def test_instances_show_what_they_observe(coordinator: Coordinator, time: Time) -> None:
    """The registry lists live instances with their state, and drops the silent."""
    one = Presence(coordinator, "runservice", "one", LEASE)
    two = Presence(coordinator, "runservice", "two", LEASE)
    other = Presence(coordinator, "runservice2", "one", LEASE)
    await one.publish(b"normal")
    await two.show()
    await other.show()
    time.pass_(LEASE / 2)
    await one.publish(b"draining")
    time.pass_(LEASE / 2)
    live = await instances(coordinator, "runservice")
    assert [(instance.id, instance.observed) for instance in live] == [("one", b"draining")]


async def test_an_instance_that_was_forgotten_registers_again(coordinator: Coordinator, time: Time) -> None:
    """After its lease has run out, the next sign of life brings it back with its state."""
    presence = Presence(coordinator, "runservice", "one", LEASE)
    await presence.publish(b"normal")
    time.pass_(LEASE)
    assert await instances(coordinator, "runservice") == []
    await presence.show()
    assert [instance.observed for instance in await instances(coordinator, "runservice")] == [b"normal"]
    await presence.leave()
    assert await instances(coordinator, "runservice") == []


async def test_leases_end_with_their_process(open_: Open, coordinator: Coordinator) -> None:
    """After a restart the leases of the process before hold nothing any more."""
    lease = await coordinator.grant(LEASE)
    await coordinator.put("a", b"", lease=lease)
    again = await open_()
    assert await again.get("a") is None
    assert isinstance(await refused(again.keep(lease)), Conflict)


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the coordinator at *path* open."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tidemill.kit.coord.embedded import EmbeddedCoordinator\n"
        "asyncio.run(EmbeddedCoordinator.open(Path(sys.argv[1])))\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Only one process may use a data directory, and the other is told which and what to do."""
    path = tmp_path / "coord.db"
    with another_process(path) as process:
        error = await refused(EmbeddedCoordinator.open(path))
    assert isinstance(error, Conflict)
    assert error.code == "dataDirectoryInUse"
    assert f"pid {process.pid}" in str(error)
    assert str(tmp_path) in str(error)
    await (await EmbeddedCoordinator.open(path)).close()


async def test_a_data_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A path that leads through a file is the user's mistake, told with the path."""
    (tmp_path / "file").write_text("")
    error = await refused(EmbeddedCoordinator.open(tmp_path / "file" / "coord.db"))
    assert isinstance(error, BadRequest)
    assert str(tmp_path / "file") in str(error)
