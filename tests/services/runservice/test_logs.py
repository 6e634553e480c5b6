"""Logs: every acknowledged byte once, readable at any offset and in every form a log takes."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, now, started
from tidemill.core.job import JobId
from tidemill.core.run import StepPhase, StepState, TaskId
from tidemill.errors import BadRequest, Conflict, Internal, NotFound, Unavailable
from tidemill.kit.db import Database
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.logs.appending import DIRECT, FOLD, MOST_FOLDED
from tidemill.services.runservice.logs.blocks import BLOCK
from tidemill.services.runservice.logs.putting_away import SMALL
from tidemill.services.runservice.store import logs
from tidemill.services.runservice.store.logs import LogId, Part
from tidemill.services.runservice.store.tables import log_parts, tasks

pytestmark = pytest.mark.anyio

KB, MB = 1024, 1024 * 1024


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes of which no two blocks are alike, with lines."""
    return random.Random(seed).randbytes(size // 2 + 1).hex().encode()[:size].replace(b"0", b"\n")


class Log:
    """One log of a job at work, appended as an executor does."""

    def __init__(self, service: Service, player: Player, job: JobId, step: int = 0) -> None:
        self.service, self.player, self.job, self.step = service, player, job, step
        self.expected = b""

    async def append(self, data: bytes) -> None:
        end = await self.service.jobs.append_log(self.job, 1, self.step, len(self.expected), data)
        self.expected += data
        assert end.length == len(self.expected)

    async def read(self, offset: int = 0, *, follow: bool = False) -> bytes:
        stream = await self.service.logs.read_log(TaskId(self.job), self.step, offset=offset, follow=follow)
        return b"".join([block async for block in stream])

    async def end(self) -> None:
        await self.player.finish(self.job)


@pytest.fixture
async def log(service: Service) -> Log:
    """The first step's log of a task that is running."""
    await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    return Log(service, player, job)


async def stored(objects: Objects) -> list[str]:
    return sorted([name async for name in objects.list("logs")])


async def test_what_is_appended_is_read(log: Log) -> None:
    """Whole, from any offset, and nothing beyond the end; the setup has a log of its own."""
    await log.append(b"hello\n")
    await log.append(b"world\n")
    assert await log.read() == b"hello\nworld\n"
    assert await log.read(3) == b"lo\nworld\n"
    assert await log.read(6) == b"world\n"
    assert await log.read(12) == await log.read(1000) == b""
    setup = Log(log.service, log.player, log.job, step=-1)
    await setup.append(b"ready")
    assert (await setup.read(), await log.read(11)) == (b"ready", b"\n")


async def test_repetitions_add_nothing(log: Log) -> None:
    """Bytes that were stored before are ignored, also where only some of an append is new."""
    append = log.service.jobs.append_log
    await log.append(b"0123456789")
    assert (await append(log.job, 1, 0, 0, b"0123456789")).length == 10
    assert (await append(log.job, 1, 0, 4, b"456")).length == 10
    assert (await append(log.job, 1, 0, 8, b"89ab")).length == 12
    assert (await append(log.job, 1, 0, 12, b"")).length == 12
    assert await log.read() == b"0123456789ab"


async def test_gaps_are_refused(log: Log) -> None:
    """The refusal says where the log ends; nothing is stored."""
    for length in (0, 5):
        with pytest.raises(Conflict) as caught:
            await log.service.jobs.append_log(log.job, 1, 0, length + 1, b"x")
        assert (caught.value.code, caught.value.details) == ("logGap", {"length": length})
        if not length:
            await log.append(b"01234")
    assert (await log.service.jobs.log_end(log.job, 1, 0)).length == 5


async def test_only_the_jobs_generation_may_append(log: Log) -> None:
    """Another generation, an unknown job and one that has ended are fenced."""
    await log.append(b"kept")
    for job, generation in ((log.job, 2), (log.job, 0), (JobId("nobody"), 1)):
        for call in (
            log.service.jobs.append_log(job, generation, 0, 4, b"x"),
            log.service.jobs.log_end(job, generation, 0),
        ):
            with pytest.raises(Conflict) as caught:
                await call
            assert caught.value.code == "fenced"
    await log.end()
    with pytest.raises(Conflict):
        await log.service.jobs.append_log(log.job, 1, 0, 4, b"x")
    assert await log.read() == b"kept"


async def test_offsets_that_make_no_sense_are_refused(log: Log) -> None:
    """Negative offsets, and steps before the setup."""
    with pytest.raises(BadRequest):
        await log.service.jobs.append_log(log.job, 1, 0, -1, b"x")
    with pytest.raises(BadRequest):
        await log.service.jobs.append_log(log.job, 1, -2, 0, b"x")
    with pytest.raises(BadRequest):
        await log.read(-1)


@pytest.mark.parametrize(("of_task", "step"), [("", 1), ("", -2), ("nobody", 0)])
async def test_unknown_logs_do_not_exist(log: Log, of_task: str, step: int) -> None:
    """Before the first byte, whether followed or not."""
    for follow in (False, True):
        with pytest.raises(NotFound) as caught:
            await log.service.logs.read_log(TaskId(of_task or log.job), step, follow=follow)
        assert caught.value.code == "logDoesNotExist"


async def test_a_log_without_a_byte_is_empty(log: Log) -> None:
    """It exists as its step does; followed, it ends with the step."""
    assert await log.read() == b""
    following = asyncio.ensure_future(log.read(follow=True))
    await asyncio.sleep(0)
    await log.end()
    assert await asyncio.wait_for(following, 5) == b""


async def test_large_appends_are_objects(log: Log, objects: Objects) -> None:
    """From 256 KiB on; they mix with small ones, and repeating or overlapping them leaves no object."""
    await log.append(b"small\n")
    await log.append(noise(DIRECT))
    await log.append(b"small\n")
    await log.append(noise(DIRECT + 1, 2))
    assert len(await stored(objects)) == 2
    again = log.expected[6:]
    assert (await log.service.jobs.append_log(log.job, 1, 0, 6, again)).length == len(log.expected)
    more = again + noise(DIRECT, 3)
    assert (await log.service.jobs.append_log(log.job, 1, 0, 6, more)).length == 6 + len(more)
    assert await log.read() == b"small\n" + more
    assert await log.read(100_000) == (b"small\n" + more)[100_000:]
    assert len(await stored(objects)) == 3


async def test_fenced_large_appends_leave_no_object(log: Log, objects: Objects) -> None:
    """The object is stored first, so it has to go again."""
    with pytest.raises(Conflict):
        await log.service.jobs.append_log(log.job, 9, 0, 0, noise(DIRECT))
    assert await stored(objects) == []


async def test_many_small_appends_become_objects(log: Log, objects: Objects, db: Database) -> None:
    """At most about 1 MiB of a log stands in rows."""
    for i in range(40):
        await log.append(noise(64 * KB, i))
    assert len(await stored(objects)) == 40 * 64 * KB // FOLD
    assert await log.read() == log.expected
    assert await log.read(FOLD - 5) == log.expected[FOLD - 5 :]


async def test_rows_are_counted_once(log: Log, db: Database) -> None:
    """However many make an object of them, and though an append has become an object meanwhile."""
    which = LogId(task=TaskId(log.job), attempt=1, step=0)

    async def fold(start: int, name: str) -> bool:
        folded = Part(start=start, length=5, object=f"logs/{log.job}/{name}")
        return await db.do(lambda tx: logs.fold(tx, which, folded, 1))

    async def in_rows() -> int:
        head = await db.read(lambda tx: logs.head(tx, which))
        assert head is not None
        return head.in_rows

    await log.append(b"first")
    await log.append(noise(DIRECT))
    await log.append(b"after")
    assert sorted(await asyncio.gather(fold(0, "one"), fold(0, "two"))) == [False, True]
    assert await in_rows() == 5
    start = len(log.expected) - 5
    assert sorted(await asyncio.gather(fold(start, "three"), fold(start, "four"))) == [False, True]
    assert await in_rows() == 0


async def test_a_damaged_run_keeps_no_other_log_from_being_put_away(
    log: Log, service: Service, whole: RunserviceService, objects: Objects, db: Database
) -> None:
    """The state of its task cannot be read, so that nobody knows whether it is over."""
    await log.append(noise(200 * KB))
    await log.end()
    damaged = await started(service.runs, group="/project/p2/branch/main")
    (job,) = await log.player.take()
    await service.jobs.append_log(job, 1, 0, 0, b"hello\n")
    of_damaged = update(tasks).where(tasks.c.id == damaged.tasks[0].id)
    await db.do(lambda tx: tx.run(of_damaged.values(state=b"{")))
    await whole.put_logs_away()
    assert [name.split("/")[-1][:5] for name in await stored(objects)] == ["whole"]


async def test_what_gathers_without_an_object_store_becomes_objects_in_pieces(
    log: Log, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of a log has come into rows meanwhile, never all of it is read at once."""

    async def refuse(*_: object) -> None:
        raise Unavailable("not now")

    with monkeypatch.context() as away:
        away.setattr(objects, "put", refuse)
        for i in range(3 * MOST_FOLDED // (240 * KB)):
            await log.append(noise(240 * KB, i))
    assert await stored(objects) == []
    for _ in range(3):
        await log.append(b"more\n")
    sizes = [await objects.size(name) for name in await stored(objects)]
    assert sizes
    assert max(sizes) <= MOST_FOLDED + DIRECT
    assert sum(sizes) > len(log.expected) - FOLD
    assert await log.read() == log.expected


async def test_a_follower_reads_what_comes(log: Log) -> None:
    """Each append reaches it at once, the end of the step ends the stream."""
    stream = await log.service.logs.read_log(TaskId(log.job), 0, follow=True)
    await log.append(b"one")
    assert await asyncio.wait_for(anext(stream), 5) == b"one"
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await log.append(noise(DIRECT))
    received = await asyncio.wait_for(reading, 5)
    await log.append(b"last")
    log.player.change(log.job, steps=(StepState(phase=StepPhase.SUCCESS),))
    await log.player.sync()
    received += b"".join([block async for block in stream])
    assert b"one" + received == log.expected


async def test_a_log_of_many_parts_is_followed_whole(log: Log) -> None:
    """Also when its step has ended before the reading begins."""
    for i in range(50):
        await log.append(f"line {i}\n".encode())
    await log.end()
    assert await log.read(follow=True) == log.expected
    assert await log.read(9, follow=True) == log.expected[9:]


async def test_a_lost_job_ends_its_followers(log: Log, whole: RunserviceService, clock: Clock) -> None:
    """A reader does not wait for an executor that will never write again."""
    await log.append(b"half a li")
    following = asyncio.ensure_future(log.read(follow=True))
    await whole.leases.look()
    for _ in range(5):
        clock.advance(15)
        await whole.leases.look()
    assert await asyncio.wait_for(following, 5) == b"half a li"


async def test_small_logs_are_put_away_in_a_row(
    log: Log, whole: RunserviceService, objects: Objects, db: Database
) -> None:
    """Their parts are joined; there is no object; a log whose task goes on is left alone."""
    for i in range(20):
        await log.append(f"line {i}\n".encode())
    await whole.put_logs_away()
    assert await parts(db, log) == 20
    await log.end()
    await whole.put_logs_away()
    assert await parts(db, log) == 1
    assert await log.read() == log.expected
    assert await log.read(7) == log.expected[7:]
    assert await stored(objects) == []


async def parts(db: Database, log: Log) -> int:
    count = select(func.count()).where(log_parts.c.task == log.job)
    found: int = await db.read(lambda tx: tx.value(count))
    return found


@pytest.mark.parametrize("size", [SMALL + 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * MB + 17])
async def test_large_logs_are_put_away_in_one_object(
    log: Log, whole: RunserviceService, objects: Objects, db: Database, size: int
) -> None:
    """It is smaller than the log, has its exact bytes from any offset, and nothing else is left."""
    whole_log = noise(size, size)
    for at in range(0, size, 300 * KB):
        await log.append(whole_log[at : at + 300 * KB])
    await log.end()
    await whole.put_logs_away()
    (name,) = await stored(objects)
    assert await objects.size(name) < size
    assert await parts(db, log) == 0
    for offset in (0, 1, BLOCK - 1, BLOCK, size // 2, size - 1, size, size + 1):
        assert await log.read(offset) == whole_log[offset:]
    await whole.put_logs_away()
    assert await stored(objects) == [name]


async def test_a_follower_is_not_disturbed_by_putting_away(log: Log, whole: RunserviceService) -> None:
    """It began before, and reads the rest from where the log is now."""
    for i in range(6):
        await log.append(noise(DIRECT, i))
    stream = await log.service.logs.read_log(TaskId(log.job), 0, follow=True)
    received = await anext(stream)
    await log.end()
    await whole.put_logs_away()
    received += b"".join([block async for block in stream])
    assert received == log.expected


async def test_a_crash_while_putting_away_is_made_good(
    log: Log,
    whole: RunserviceService,
    objects: Objects,
    open_service: Callable[[], Awaitable[RunserviceService]],
) -> None:
    """Objects that nothing refers to, from before or after the change of rows, are swept by the next try."""
    for i in range(6):
        await log.append(noise(DIRECT, i))
    await log.end()
    await objects.put(f"logs/{log.job}/0/whole-of-somebody-who-died", b"partial")
    before = await stored(objects)
    await (await open_service()).put_logs_away()
    assert await log.read() == log.expected
    (name,) = await stored(objects)
    assert name not in before


async def test_instances_that_put_the_same_log_away(
    log: Log, objects: Objects, open_service: Callable[[], Awaitable[RunserviceService]]
) -> None:
    """Both succeed, and one object is left."""
    for i in range(6):
        await log.append(noise(DIRECT, i))
    await log.end()
    one, two = await open_service(), await open_service()
    await asyncio.gather(one.put_logs_away(), two.put_logs_away())
    assert await log.read() == log.expected
    await one.put_logs_away()
    assert len(await stored(objects)) <= 2


@pytest.mark.parametrize("is_put_away", [False, True])
async def test_a_missing_object_is_said(
    log: Log, whole: RunserviceService, objects: Objects, is_put_away: bool, tmp_path: Path
) -> None:
    """A reader gets an error and never a shorter log; a damaged object likewise."""
    for i in range(3):
        await log.append(noise(DIRECT, i))
    await log.end()
    if is_put_away:
        await whole.put_logs_away()
    name = (await stored(objects))[-1]
    await objects.put(name, b"damaged")
    with pytest.raises(Internal) as caught:
        await log.read(0 if is_put_away else 2 * DIRECT + 100)
    assert caught.value.code == "logDamaged"
    await objects.delete(name)
    with pytest.raises(Internal):
        await log.read()


async def test_two_instances_take_appends_in_turn(
    log: Log, open_service: Callable[[], Awaitable[RunserviceService]]
) -> None:
    """No instance remembers where a log ends."""
    other = await open_service()
    for i in range(10):
        log.service.jobs = other if i % 2 else log.service.jobs
        await log.append(noise(50 * KB, i))
    assert await log.read() == log.expected


SIZES = st.one_of(st.integers(1, 2000), st.integers(DIRECT - 1, DIRECT + 2000))
TRUTH = noise(4 * MB)
APPENDS = st.lists(st.tuples(st.floats(0, 1.2), SIZES), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=APPENDS, at=st.floats(0, 1))
async def test_any_overlapping_retries_give_the_exact_bytes(
    service: Service, whole: RunserviceService, appends: list[tuple[float, int]], at: float
) -> None:
    """Against a model: appends at any place, repeated, overlapping or beyond the end."""
    run = await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    log = Log(service, player, job)
    length = 0
    for place, size in appends:
        offset = int(place * length) if length else int(place)
        data = TRUTH[offset : offset + size]
        if offset > length:
            with pytest.raises(Conflict):
                await service.jobs.append_log(job, 1, 0, offset, data)
            continue
        length = max(length, offset + len(data))
        assert (await service.jobs.append_log(job, 1, 0, offset, data)).length == length
    start = int(at * length)
    assert await log.read(start) == TRUTH[start:length]
    await log.end()
    await whole.put_logs_away()
    assert await log.read(start) == TRUTH[start:length]
    assert (await now(service.runs, run)).phase.is_final


async def test_a_growing_log_has_an_end_for_who_does_not_follow(log: Log) -> None:
    """It is where the log ended when the reading began."""
    await log.append(b"then")
    stream: AsyncIterator[bytes] = await log.service.logs.read_log(TaskId(log.job), 0)
    await log.append(b"later")
    assert b"".join([block async for block in stream]) == b"then"
