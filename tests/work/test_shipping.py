"""Logs arrive whole, once and soon, whatever the store does meanwhile."""

import hashlib
import time
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest

from tests.work.places import Store
from tidemill.core.logs.marks import MOST_AT_ONCE, Mark
from tidemill.errors import Unavailable
from tidemill.pods import Exec, PodSpec
from tidemill.pods.fake import FakeDriver, FakePod
from tidemill.work.masking import Mask
from tidemill.work.output import CommandOutput, Text
from tidemill.work.shipping import BATCH, LARGEST, LINGER, Fenced, LogGap, Shipper

pytestmark = pytest.mark.anyio

NOTHING = Mask([])
TOKEN = Mask(["open sesame"])
MIB = 1 << 20


def clock() -> datetime:
    return datetime.now(UTC)


async def output_of(driver: FakeDriver, script: str) -> CommandOutput:
    """The output of a command that was just started."""
    pod: FakePod = await driver.prepare(PodSpec(id="pod", working_dir="~"), lambda _: None)
    await pod.start(Exec(key="step", argv=(), script=script))
    return CommandOutput(pod, "step", clock)


async def ship(store: Store, output: CommandOutput, mask: Mask = NOTHING, *, resume: bool = False) -> None:
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(output.watch)
            await Shipper(store, 0, mask, clock).ship(output, resume=resume)


async def test_first_bytes_go_at_once(store: Store, driver: FakeDriver) -> None:
    """A line reaches the store while its command still runs, not only with a full batch."""
    output = await output_of(driver, "echo one\nwait gate\necho two")
    async with anyio.create_task_group() as group:
        group.start_soon(ship, store, output)
        began = time.monotonic()
        await store.until(0, b"one\n")
        assert time.monotonic() - began < LINGER
        driver.release("gate")
    assert store.log(0) == b"one\ntwo\n"


async def test_a_trickle_is_batched(store: Store, driver: FakeDriver) -> None:
    """Lines that follow closely upon each other travel together, but never wait for long."""
    gates = [f"gate{number}" for number in range(20)]
    output = await output_of(driver, "\n".join(f"wait {gate}\necho {gate}" for gate in gates) + "\nwait end")
    async with anyio.create_task_group() as group:
        group.start_soon(ship, store, output)
        for gate in gates:
            driver.release(gate)
            await anyio.lowlevel.checkpoint()
        await store.until(0, b"gate19\n")
        assert len(store.appends) <= 3
        driver.release("end")


async def test_whoever_is_behind_sends_much_at_once(store: Store, driver: FakeDriver) -> None:
    """Up to 1 MiB travels in one append, and never more."""
    await ship(store, await output_of(driver, f"flood {5 * MIB + 17}"))
    assert [length for _, _, length in store.appends] == [LARGEST] * 5 + [17]


async def test_offsets_follow_each_other(store: Store, driver: FakeDriver) -> None:
    """Each append begins where the one before it ended."""
    await ship(store, await output_of(driver, f"flood {3 * MIB}\nexit 1"), TOKEN)
    assert all(first[1] + first[2] == second[1] for first, second in pairwise(store.appends))


async def test_a_command_without_output_asks_for_nothing(store: Store, driver: FakeDriver) -> None:
    """Nothing is appended, and the end is seen."""
    await ship(store, await output_of(driver, "exit 0"))
    assert not store.appends


@pytest.mark.parametrize("mask", [NOTHING, TOKEN])
async def test_an_outage_loses_and_doubles_nothing(store: Store, driver: FakeDriver, mask: Mask) -> None:
    """Whether an append was lost or only its acknowledgement, every byte stands once."""
    output = await output_of(driver, f"flood {2 * MIB}\necho open sesame\nflood {MIB}")
    store.trouble = [Unavailable("not now")]
    store.lost_answers = [Unavailable("the connection was cut")]
    await ship(store, output, mask)
    shown = bytes(output._pod._command("step").output)
    assert store.log(0) == (shown.replace(b"open sesame", b"***") if mask else shown)


@pytest.mark.parametrize("mask", [NOTHING, TOKEN])
@pytest.mark.parametrize("stored", [0, 1, 9, 10, 12, 14, 20])
async def test_shipping_goes_on_where_the_store_ends(
    store: Store, driver: FakeDriver, mask: Mask, stored: int
) -> None:
    """Another life masks again from the beginning and sends only what is not there."""
    script = "echo the word open sesame is hidden"
    whole = b"the word *** is hidden\n" if mask else b"the word open sesame is hidden\n"
    store.logs[0] += whole[:stored]
    await ship(store, await output_of(driver, script), mask, resume=True)
    assert store.log(0) == whole
    assert store.appends[0][1] == stored


@pytest.mark.parametrize("mask", [NOTHING, TOKEN])
async def test_a_gap_is_filled(store: Store, driver: FakeDriver, mask: Mask) -> None:
    """A store that has lost its end is told it again."""
    output = await output_of(driver, "echo one\nwait gate\necho two")
    async with anyio.create_task_group() as group:
        group.start_soon(ship, store, output, mask)
        await store.until(0, b"one\n")
        del store.logs[0][1:]
        driver.release("gate")
    assert store.log(0) == b"one\ntwo\n"


async def test_what_is_wrong_on_the_way_to_the_store_loses_nothing(store: Store, driver: FakeDriver) -> None:
    """Whatever a client of the store raises, it is asked again."""
    store.trouble = [AttributeError("no socket"), RuntimeError("a bug")]
    await ship(store, await output_of(driver, "echo one"))
    assert store.log(0) == b"one\n"


async def test_fencing_is_not_tried_again(store: Store, driver: FakeDriver) -> None:
    """It is for whoever ships to stop."""
    output = await output_of(driver, "echo one")
    store.trouble = [Fenced("another has it")]
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(output.watch)
            with pytest.raises(Fenced):
                await Shipper(store, 0, NOTHING, clock).ship(output)


async def test_a_text_waits_for_its_end(store: Store) -> None:
    """Short texts of our own go in one piece."""
    text = Text()
    text.say("one")
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: Shipper(store, -1, NOTHING, clock).ship(text, linger=60))
        await anyio.lowlevel.checkpoint()
        text.say("two")
        text.end()
    assert store.appends == [(-1, 0, 8)]


async def test_a_gap_that_stays_does_not_go_unnoticed(store: Store) -> None:
    """A store that answers less than it was given is asked again from there."""
    answers = iter([2, 5])

    async def half(step: int, offset: int, data: bytes, seen: Sequence[Mark]) -> int:
        store.appends.append((step, offset, len(data)))
        return next(answers)

    store.append = half  # type: ignore[method-assign]
    text = Text("12345")
    text.end()
    await Shipper(store, -1, NOTHING, clock).ship(text)
    assert store.appends == [(-1, 0, 5), (-1, 2, 3)]


class Drain:
    """A fast sink that keeps nothing but a sum."""

    def __init__(self) -> None:
        self.length = 0
        self.sum = hashlib.sha256()

    async def append(self, step: int, offset: int, data: bytes, seen: Sequence[Mark]) -> int:
        if offset != self.length:
            raise LogGap(self.length)
        self.sum.update(data)
        self.length += len(data)
        return self.length

    async def end(self, step: int) -> int:
        return self.length


@pytest.mark.parametrize("mask", [NOTHING, TOKEN])
async def test_a_hundred_megabytes_need_little_memory(driver: FakeDriver, mask: Mask) -> None:
    """The bytes arrive unchanged, while memory holds a few batches at a time."""
    output = await output_of(driver, f"flood {100 * MIB}")
    drain = Drain()
    tracemalloc.start()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(output.watch)
            await Shipper(drain, 0, mask, clock).ship(output)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert drain.sum.digest() == hashlib.sha256(output._pod._command("step").output).digest()
    assert peak < 16 * BATCH + 8 * MIB


class Watch:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 30, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def at(self, seconds: float) -> int:
        return int((datetime(2026, 7, 30, 12, tzinfo=UTC) + timedelta(seconds=seconds)).timestamp() * 1000)


@pytest.mark.parametrize("mask", [NOTHING, TOKEN])
async def test_lines_keep_the_time_at_which_they_were_seen(
    store: Store, driver: FakeDriver, mask: Mask
) -> None:
    """Also when the store was away meanwhile; what came within a tenth of a second has one time."""
    watch = Watch()
    pod = await driver.prepare(PodSpec(id="pod", working_dir="~"), lambda _: None)
    script = "echo open sesame\nwait two\necho two\nwait three\necho three\nwait four\necho four"
    await pod.start(Exec(key="step", argv=(), script=script))
    output = CommandOutput(pod, "step", watch)
    async with anyio.create_task_group() as group:
        group.start_soon(output.watch)
        await output.grown(0)
        for gate, seconds in (("two", 10.0), ("three", 10.05), ("four", 600.0)):
            watch.now = datetime(2026, 7, 30, 12, tzinfo=UTC) + timedelta(seconds=seconds)
            size = (await output.grown(0)).size
            driver.release(gate)
            await output.grown(size)
        await Shipper(store, 0, mask, watch).ship(output)
    log = store.log(0)
    assert store.marks[0] == [
        Mark(0, watch.at(0)),
        Mark(log.index(b"two"), watch.at(10)),
        Mark(log.index(b"four"), watch.at(600)),
    ]


async def test_what_is_held_back_has_the_time_of_its_first_byte(store: Store, driver: FakeDriver) -> None:
    """The beginning of a secret that comes in bits, and turns out to be none, while the store is away."""
    watch = Watch()
    pod = await driver.prepare(PodSpec(id="pod", working_dir="~"), lambda _: None)
    words = ("hi", "open", " ses", "am", "street")
    script = "\n".join(f"wait {number}\nprint {word}" for number, word in enumerate(words))
    await pod.start(Exec(key="step", argv=(), script=script))
    output = CommandOutput(pod, "step", watch)
    async with anyio.create_task_group() as group:
        group.start_soon(output.watch)
        for number in range(len(words)):
            watch.now += timedelta(seconds=1)
            size = output._progress.size
            driver.release(str(number))
            await output.grown(size)
        await Shipper(store, 0, TOKEN, watch).ship(output)
    assert store.log(0) == b"hiopen sesamstreet"
    assert store.marks[0] == [Mark(0, watch.at(1)), Mark(2, watch.at(2))]


async def test_no_append_carries_too_many_times(store: Store, driver: FakeDriver) -> None:
    """Whoever is far behind tells of some of them."""
    watch = Watch()
    gates = [f"gate{number}" for number in range(100)]
    pod = await driver.prepare(PodSpec(id="pod", working_dir="~"), lambda _: None)
    script = "\n".join(f"wait {gate}\necho {gate}" for gate in gates)
    await pod.start(Exec(key="step", argv=(), script=script))
    output = CommandOutput(pod, "step", watch)
    async with anyio.create_task_group() as group:
        group.start_soon(output.watch)
        for gate in gates:
            watch.now += timedelta(seconds=1)
            size = output._progress.size
            driver.release(gate)
            await output.grown(size)
        await Shipper(store, 0, NOTHING, watch).ship(output)
    assert MOST_AT_ONCE // 2 < len(store.marks[0]) <= MOST_AT_ONCE
    assert store.marks[0][0] == Mark(0, watch.at(1))
