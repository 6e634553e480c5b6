"""Parts of logs: what is asked for by bytes, lines or time is what the whole log would say."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from tests.conftest import Clock
from tests.services.runservice.playing import Player, Service, started
from tests.services.runservice.test_logs import Log, noise, stored
from tidemill.contracts.logs import LogRange
from tidemill.core.job import JobId
from tidemill.core.logs.marks import Mark, spelt
from tidemill.core.run import TaskId
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.db import Database
from tidemill.kit.objects import Objects
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice.logs.appending import DIRECT
from tidemill.services.runservice.logs.blocks import BLOCK, decode_index, encode_index
from tidemill.services.runservice.logs.putting_away import SMALL
from tidemill.services.runservice.store.tables import log_parts, logs

pytestmark = pytest.mark.anyio

#: For what does not depend on it.
ONE_CARRIER = pytest.mark.parametrize("service", ["direct"], indirect=True)
T0 = 1_785_412_800_000
"""Milliseconds of the epoch at which the executor of these tests begins to see output."""


class Timed(Log):
    """A log whose appends are seen a second apart."""

    seconds = 0

    async def append(self, data: bytes) -> None:
        seen = spelt([Mark(0, T0 + 1000 * self.seconds)])
        self.seconds += 1
        await self.service.jobs.append_log(self.job, 1, self.step, len(self.expected), data, seen)
        self.expected += data

    async def part(self, **wanted: int | bool) -> bytes:
        stream = await self.service.logs.read_log(TaskId(self.job), self.step, **wanted)  # type: ignore[arg-type]
        return b"".join([block async for block in stream])


@pytest.fixture
async def log(service: Service) -> Timed:
    await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    return Timed(service, player, job)


def lines_of(data: bytes) -> list[bytes]:
    """With their newlines; a carriage return is no end of a line."""
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + [lines[-1]] * bool(lines[-1])


async def agrees(log: Timed, *, line: int, tail: int, count: int, offset: int) -> None:
    """Every kind of part is the slice of the whole."""
    whole, lines = log.expected, lines_of(log.expected)
    assert await log.part(line=line) == b"".join(lines[line - 1 :])
    assert await log.part(line=line, lines=count) == b"".join(lines[line - 1 : line - 1 + count])
    assert await log.part(tail=tail) == b"".join(lines[len(lines) - tail :] if tail < len(lines) else lines)
    assert await log.part(offset=offset, limit=count) == whole[offset : offset + count]
    assert await log.part(offset=offset, lines=count) == b"".join(lines_of(whole[offset:])[:count])
    assert await log.part(tail=tail, limit=count) == (await log.part(tail=tail))[:count]
    index = await log.service.logs.log_index(TaskId(log.job), log.step, line=line)
    assert (index.length, index.lines) == (len(whole), len(lines))
    assert index.start == len(b"".join(lines[: line - 1]))
    for place in index.places:
        assert place.line == whole[: place.offset].count(b"\n") + 1
        assert place.at is not None


PIECES = st.one_of(
    st.sampled_from([b"\n", b"\r\n", b"x", b"a line\n", b"no end", b"\n" * 1000]),
    st.binary(min_size=1, max_size=3000),
    st.integers(1, 3).map(lambda seed: noise(DIRECT + 7 * seed, seed)),
    st.just(b"y" * (DIRECT + 5)),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(PIECES, min_size=1, max_size=8),
    line=st.integers(1, 3000),
    tail=st.integers(0, 3000),
    count=st.integers(1, 4000),
    at=st.floats(0, 1),
)
async def test_parts_are_slices_of_the_whole(  # noqa: PLR0917 - fixtures, and what is drawn
    service: Service,
    whole: RunserviceService,
    pieces: list[bytes],
    line: int,
    tail: int,
    count: int,
    at: float,
) -> None:
    """Whatever bytes it has and however they came, while it grows and when it is put away."""
    await started(service.runs)
    player = Player(service.jobs)
    (job,) = await player.take()
    log = Timed(service, player, job)
    for piece in pieces:
        await log.append(piece)
    wanted = {"line": line, "tail": tail, "count": count, "offset": int(at * len(log.expected))}
    await agrees(log, **wanted)
    await log.end()
    await whole.put_logs_away()
    await agrees(log, **wanted)


@ONE_CARRIER
@pytest.mark.parametrize("is_over", [False, True])
async def test_a_line_of_ten_megabytes_has_lines_around_it(
    log: Timed, whole: RunserviceService, is_over: bool
) -> None:
    """It is one line."""
    await log.append(b"before\n")
    for _ in range(10):
        await log.append(b"z" * (1 << 20))
    await log.append(b"\nafter")
    if is_over:
        await log.end()
        await whole.put_logs_away()
    assert await log.part(line=2) == b"z" * (10 << 20) + b"\nafter"
    assert await log.part(line=3) == await log.part(tail=1) == b"after"
    assert await log.part(line=1, lines=1) == b"before\n"


@ONE_CARRIER
async def test_rows_that_become_objects_keep_lines_and_times(log: Timed, whole: RunserviceService) -> None:
    """As one object and as blocks."""
    pieces = [noise(60_000, seed) + b"\n" for seed in range(40)]
    for piece in pieces:
        await log.append(piece)
    for _ in range(2):
        await agrees(log, line=30_000, tail=50, count=70, offset=1_000_000)
        for second in (0, 7, 20, 39):
            begun = len(b"".join(pieces[:second]))
            assert await log.part(since=T0 + 1000 * second, limit=100) == log.expected[begun:][:100]
            stamped = await log.part(offset=begun, lines=1, timestamps=True)
            assert stamped.startswith(b"2026-07-30T12:00:%02d.000Z " % second)
        if log.job in log.player.reports:
            await log.end()
            await whole.put_logs_away()


FORMS = ["growing", "small", "large"]


async def told(log: Timed, whole: RunserviceService, form: str) -> None:
    """Five lines a second apart, the fourth in two pieces; in one of the forms that a log takes."""
    padding = b"p" * (SMALL if form == "large" else 0)
    for data in (b"one\n", b"two\n" + padding + b"\n", b"thr", b"ee\nfour", b"\nfive\n"):
        await log.append(data)
    if form != "growing":
        await log.end()
        await whole.put_logs_away()


@ONE_CARRIER
@pytest.mark.parametrize("form", FORMS)
async def test_lines_since_a_time(log: Timed, whole: RunserviceService, form: str) -> None:
    """A line is as old as its first byte."""
    await told(log, whole, form)
    assert await log.part(since=T0) == log.expected
    assert await log.part(since=0) == log.expected
    assert await log.part(since=T0 + 1) == log.expected[4:]
    assert await log.part(since=T0 + 2000) == b"three\nfour\nfive\n"
    assert await log.part(since=T0 + 3000) == b"four\nfive\n"
    assert await log.part(since=T0 + 4000) == b"five\n"
    assert await log.part(since=T0 + 4001) == b""


@ONE_CARRIER
@pytest.mark.parametrize("form", FORMS)
async def test_lines_are_stamped_with_their_times(log: Timed, whole: RunserviceService, form: str) -> None:
    """That of their first byte; the rest of each line is what it was."""
    await told(log, whole, form)
    stamped = lines_of(await log.part(timestamps=True))
    assert b"".join(line[25:] for line in stamped) == log.expected
    times = [line[:25] for line in stamped]
    assert times == [b"2026-07-30T12:00:0%d.000Z " % second for second in (0, 1, 1, 2, 3, 4)]
    assert lines_of(await log.part(timestamps=True, tail=2)) == stamped[-2:]
    assert (await log.part(timestamps=True, offset=1, limit=2))[25:] == b"ne"


async def test_a_follower_may_wait_for_a_line(log: Timed) -> None:
    """That is not there yet; it gets as much as it wants, and no more."""
    await log.append(b"one\nt")
    stream = await log.service.logs.read_log(
        TaskId(log.job), 0, line=3, lines=2, follow=True, timestamps=True
    )
    last = await log.service.logs.read_log(TaskId(log.job), 0, tail=1, follow=True)
    for data in (b"wo\nthr", b"ee\nfour\nfive\n"):
        await log.append(data)
    shown = b"".join([block async for block in stream])  # ends though the log goes on
    assert [line[25:] for line in lines_of(shown)] == [b"three\n", b"four\n"]
    await log.end()
    assert b"".join([block async for block in last]) == b"two\nthree\nfour\nfive\n"


@ONE_CARRIER
async def test_a_log_has_last_lines_while_it_grows(log: Timed) -> None:
    """Its end is seen no earlier than where the last lines begin."""
    await log.append(b"first\n")

    async def grow() -> None:
        for _ in range(200):
            await log.append(b"more\n")

    growing = asyncio.create_task(grow())
    while not growing.done():
        assert await log.part(tail=1)
    await growing


NONSENSE: list[LogRange] = [
    {"offset": 1, "line": 1},
    {"tail": 1, "since": 5},
    {"limit": 1, "lines": 1},
    {"line": 0},
    {"tail": -1},
    {"limit": 0},
    {"lines": 0},
    {"offset": -1},
    {"attempt": -1},
    {"since": 1 << 60},
]


async def test_nonsense_is_refused(log: Timed) -> None:
    """Before the first byte."""
    for wanted in NONSENSE:
        with pytest.raises(BadRequest):
            await log.service.logs.read_log(TaskId(log.job), 0, **wanted)


async def test_groups_of_a_log(log: Timed, whole: RunserviceService) -> None:
    """As it grows, found once; with the times of their lines; the same when it is put away."""
    await log.append(b"before\n::group::Build\nma")
    await log.append(b"ke\n")
    index = await log.service.logs.log_index(TaskId(log.job), 0)
    (group,) = index.groups
    assert (group.name, group.line, group.last_line, group.ended_at) == ("Build", 2, None, None)
    assert group.started_at is not None
    assert group.started_at.timestamp() * 1000 == T0
    await log.append(b"::endgroup::\n" + b"p" * SMALL + b"\n::group::Rest\n")
    for _ in range(2):
        index = await log.service.logs.log_index(TaskId(log.job), 0)
        assert [(group.name, group.last_line) for group in index.groups] == [("Build", 4), ("Rest", None)]
    assert index.groups[0].ended_at is not None
    assert index.groups[0].ended_at.timestamp() * 1000 == T0 + 2000
    await log.end()
    for _ in range(2):
        index = await log.service.logs.log_index(TaskId(log.job), 0)
        assert [(group.name, group.last_line) for group in index.groups] == [("Build", 4), ("Rest", 6)]
        assert index.is_final
        await whole.put_logs_away()


@ONE_CARRIER
async def test_an_index_of_what_is_not_there(log: Timed) -> None:
    """Of an empty log it is empty; of an unknown one there is none."""
    index = await log.service.logs.log_index(TaskId(log.job), 0)
    assert (index.length, index.lines, index.groups, index.places, index.is_final) == (0, 0, (), (), False)
    with pytest.raises(NotFound):
        await log.service.logs.log_index(TaskId("nobody"), 0)
    with pytest.raises(NotFound):
        await log.service.logs.log_index(TaskId(log.job), 0, attempt=2)


async def forget(db: Database, job: JobId) -> None:
    """Let a log be as it was before lines, times and groups were kept."""

    async def change(tx: object) -> None:
        await tx.run(update(log_parts).where(log_parts.c.task == job).values(lines=None, marks=None))  # type: ignore[attr-defined]
        for row in await tx.all(logs.select().where(logs.c.task == job, logs.c.object.is_not(None))):  # type: ignore[attr-defined]
            index = decode_index(row.blocks)
            old = encode_index(type(index)(sizes=index.sizes, lines=index.lines))
            await tx.run(update(logs).where(logs.c.task == job, logs.c.step == row.step).values(blocks=old))  # type: ignore[attr-defined]

    await db.do(change)


@ONE_CARRIER
@pytest.mark.parametrize("form", FORMS)
async def test_logs_from_before_are_read_whole_where_they_must(
    log: Timed, whole: RunserviceService, db: Database, form: str
) -> None:
    """Their lines are counted then; times are not known, and all of such a log counts as new."""
    await told(log, whole, form)
    await forget(db, log.job)
    lines = lines_of(log.expected)
    assert await log.part(line=3, lines=2) == b"".join(lines[2:4])
    assert await log.part(tail=2) == b"".join(lines[-2:])
    assert await log.part(since=T0 + 10_000) == log.expected
    stamped = lines_of(await log.part(timestamps=True))
    assert stamped == [b" " * 25 + line for line in lines]
    index = await log.service.logs.log_index(TaskId(log.job), 0)
    assert (index.lines, index.places[0].at) == (len(lines), None)
    if form == "growing":
        await log.append(b"and new\n")
        assert await log.part(since=T0 + 10_000) == b""
        await log.end()
        await whole.put_logs_away()
        assert await log.part(tail=1) == b"and new\n"


@ONE_CARRIER
async def test_appends_without_times_have_that_of_their_arrival(
    log: Timed, clock: Clock, whole: RunserviceService
) -> None:
    """Executors that do not tell any."""
    await Log.append(log, b"one\n")
    clock.advance(60)
    await Log.append(log, b"two\n")
    assert await log.part(since=int((clock() - timedelta(seconds=1)).timestamp() * 1000)) == b"two\n"


@ONE_CARRIER
async def test_times_that_make_no_sense_are_refused(log: Timed) -> None:
    """Nothing is stored."""
    for seen in ("x", "0-", "5-1", "3-1,2-2", "0-1,0-2", "-1-5", "0-999999999999999"):
        with pytest.raises(BadRequest):
            await log.service.jobs.append_log(log.job, 1, 0, 0, b"12345", seen)
    assert await log.part() == b""


@ONE_CARRIER
async def test_a_line_is_found_by_reading_little(
    log: Timed, whole: RunserviceService, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the blocks that hold it, of a log that is put away."""
    for i in range(6):
        await log.append(noise(4 * BLOCK, i))
    await log.end()
    await whole.put_logs_away()
    (name,) = await stored(objects)
    asked: list[int] = []
    get = objects.get

    async def counted(name: str, start: int = 0, end: int | None = None) -> object:
        asked.append((await objects.size(name) if end is None else end) - start)
        return await get(name, start, end)

    monkeypatch.setattr(objects, "get", counted)
    lines = lines_of(log.expected)
    assert await log.part(line=len(lines) // 2, lines=5) == b"".join(lines[len(lines) // 2 - 1 :][:5])
    assert await log.part(tail=5) == b"".join(lines[-5:])
    assert sum(asked) < 10 * BLOCK < await objects.size(name)


@ONE_CARRIER
async def test_instances_index_the_same(
    log: Timed, open_service: Callable[[], Awaitable[RunserviceService]]
) -> None:
    """None needs what another remembers, and asking at the same time confuses nobody."""
    other = await open_service()
    for i in range(5):
        await log.append(noise(1000, i) + b"\n::group::%d\n" % i)
        task = TaskId(log.job)
        found = await asyncio.gather(
            *(logs.log_index(task, 0) for logs in (other.logs, log.service.logs, log.service.logs))
        )
        assert found[0] == found[1] == found[2]
        assert len(found[0].groups) == i + 1
