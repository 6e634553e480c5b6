"""The feed of events: complete, in order, resumed by id; what is gone, or of another history, is said."""

import asyncio
from contextlib import aclosing
from typing import cast

import msgspec
import pytest
import sqlalchemy as sa

from tests.conftest import DatabaseUrl
from tests.kit import outside
from tests.kit.probe import client, running
from tests.services.runservice.playing import GROUP, Player, Service, create, started, task
from tidemill.contracts.feed import Feed, Happened, RunChanged, TaskChanged
from tidemill.contracts.fleet import Fleet
from tidemill.errors import BadRequest, Failure, Gone
from tidemill.kit.carriers import direct
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.event_stream import Message, Parser, messages
from tidemill.kit.http import make_app, serve
from tidemill.services.runservice import RunserviceService
from tidemill.services.runservice import feed as feeding

pytestmark = pytest.mark.anyio

OTHER = "/project/p2/branch/main"
_happened = msgspec.json.Decoder(Happened)


@pytest.fixture
def feed(whole: RunserviceService) -> Feed:
    return direct(Feed, cast("Feed", whole.faces()[Feed]))


@pytest.fixture
def service(whole: RunserviceService) -> Service:
    """Behind one carrier: the other tests of the service have both."""
    return Service(
        runs=whole,
        jobs=whole,
        fleet=cast("Fleet", whole.faces()[Fleet]),
        storage=whole.retention.storage,
        logs=whole.logs,
    )


async def told(feed: Feed, count: int, after: str = "oldest", group: str = "") -> list[Message]:
    """The next *count* messages."""
    found: list[Message] = []
    async with asyncio.timeout(10), aclosing(messages(await feed.events(after, group))) as stream:
        while len(found) < count:
            found.append(await anext(stream))
    return found


async def ids(db: Database) -> list[str]:
    """The ids of all events that are kept."""
    return [f"{db.epoch}-{event.sequence}" for event in await db.events(0, limit=100_000)]


async def execute(db: Database, *statements: str) -> None:
    """Change the database behind the service's back."""

    async def change(tx: Transaction) -> None:
        for statement in statements:
            await tx.run(sa.text(statement))

    await db.do(change)


async def refusal(feed: Feed, after: str) -> Failure:
    """How a reader who comes with this id is refused, before the first byte."""
    with pytest.raises(Failure) as refused:
        await feed.events(after)
    return refused.value


def shown(message: Message) -> str:
    """A message in a few words."""
    match _happened.decode(message.data):
        case RunChanged() as run:
            return f"run {run.number} {run.phase} {run.result}"
        case TaskChanged() as changed:
            return f"{changed.task.name} of {changed.number} {changed.task.status}"


async def test_the_feed_tells_of_runs_and_tasks_in_order(service: Service, feed: Feed) -> None:
    """Every phase and result of a run, and every status of its tasks between; ids grow by one."""
    await started(service.runs, task("a"), task("b", "a"))
    player = Player(service.jobs)
    (a,) = await player.take()
    await player.finish(a)
    await player.work_off()
    found = await told(feed, 6)
    assert [shown(one) for one in found] == [
        "run 1 queued unknown",
        "run 1 running unknown",
        "a of 1 running",
        "a of 1 success",
        "b of 1 success",
        "run 1 finished success",
    ]
    assert [int(one.id.rpartition("-")[2]) for one in found] == list(range(1, 7))


async def test_an_event_of_a_run_holds_the_run_as_it_was(service: Service, feed: Feed) -> None:
    """Who acts upon it later still learns what was true at that time."""
    run = await started(service.runs, task("a"), task("b", "a"))
    await Player(service.jobs).work_off()
    changes = [_happened.decode(one.data) for one in await told(feed, 5) if one.event == "run"]
    assert [[str(task.status) for task in one.tasks] for one in changes if isinstance(one, RunChanged)] == [
        ["notstarted", "notstarted"],
        ["notstarted", "notstarted"],
        ["success", "success"],
    ]
    last = changes[-1]
    assert isinstance(last, RunChanged)
    assert (last.id, last.group, last.revision) == (
        run.id,
        GROUP,
        (await service.runs.run(run.id)).run.revision,
    )


async def test_a_reader_without_an_id_is_told_what_comes(service: Service, feed: Feed, db: Database) -> None:
    """It learns at once where it is, so that it can go on there before anything has happened."""
    await create(service.runs)
    stream = await feed.events()
    parser = Parser()
    assert parser.feed(await asyncio.wait_for(anext(stream), 5)) == []
    assert parser.last_id == (await ids(db))[-1]
    coming = asyncio.ensure_future(anext(stream))
    done, _ = await asyncio.wait([coming], timeout=0.05)
    assert not done
    await create(service.runs)
    (message,) = parser.feed(await asyncio.wait_for(coming, 5))
    assert shown(message) == "run 2 queued unknown"


async def test_a_reader_goes_on_behind_any_id(service: Service, feed: Feed, db: Database) -> None:
    """Nothing is repeated, nothing is missing, wherever it was."""
    for _ in range(5):
        await create(service.runs)
    known = await ids(db)
    for place, known_id in enumerate(known[:-1], 1):
        assert [one.id for one in await told(feed, len(known) - place, known_id)] == known[place:]


async def test_a_reader_of_a_group_hears_of_no_other(service: Service, feed: Feed, db: Database) -> None:
    """A group is a path by whole elements; positions pass over what others were told."""
    for group in (GROUP, OTHER, "/project/p1/branch/maintenance", "/project/p10/branch/main", GROUP):
        await create(service.runs, group=group)
    assert [shown(one) for one in await told(feed, 2, group=GROUP)] == [
        "run 1 queued unknown",
        "run 3 queued unknown",
    ]
    assert [one.id for one in await told(feed, 3, group="/project/p1")] == [
        (await ids(db))[n] for n in (0, 2, 4)
    ]
    stream = await feed.events(group=OTHER)
    async with asyncio.timeout(5), aclosing(messages(stream)) as others:
        coming = asyncio.ensure_future(anext(others))
        await create(service.runs, group=GROUP)
        await create(service.runs, group=OTHER)
        assert shown(await coming) == "run 2 queued unknown"


async def test_who_is_told_nothing_is_told_where_they_are(
    service: Service, feed: Feed, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A position now and then: the connection lives, and events that were not for them are behind them."""
    monkeypatch.setattr(feeding, "_SILENCE", 0.05)
    parser = Parser()
    async with asyncio.timeout(10):
        stream = await feed.events(group=OTHER)
        parser.feed(await anext(stream))
        await create(service.runs, group=GROUP)
        while parser.last_id != (await ids(db))[-1]:
            assert parser.feed(await anext(stream)) == []


async def test_what_was_purged_is_said(service: Service, feed: Feed, db: Database) -> None:
    """410 before the first byte, with the oldest id that is kept and the one to ask for it; never a gap."""
    for _ in range(4):
        await create(service.runs)
    known = await ids(db)
    await execute(db, "DELETE FROM tidemill_events WHERE sequence <= 2")
    gone = await refusal(feed, known[0])
    assert (type(gone), gone.code) == (Gone, "eventsPurged")
    assert gone.details == {"oldest": known[2], "after": known[1]}
    assert [one.id for one in await told(feed, 2, gone.details["after"])] == known[2:]
    assert [one.id for one in await told(feed, 2, "oldest")] == known[2:]
    await execute(db, "DELETE FROM tidemill_events")
    gone = await refusal(feed, known[2])
    assert (gone.code, gone.details["after"]) == ("eventsPurged", known[3])
    await create(service.runs)
    assert [shown(one) for one in await told(feed, 1, known[3])] == ["run 5 queued unknown"]


async def test_a_stream_breaks_where_events_are_gone(service: Service, feed: Feed, db: Database) -> None:
    """A reader who was too slow for the retention does not go on as if nothing were missing."""
    await create(service.runs)
    stream = await feed.events("oldest")
    await anext(stream)
    for _ in range(3):
        await create(service.runs)
    await execute(db, "DELETE FROM tidemill_events WHERE sequence <= 2")
    with pytest.raises(Gone) as gone:
        await asyncio.wait_for(anext(stream), 5)
    assert gone.value.code == "eventsPurged"


async def test_an_id_of_another_history_is_said(
    service: Service, feed: Feed, db: Database, bells: Bells, database_url: DatabaseUrl
) -> None:
    """After an import numbers mean other events; nobody goes on in them, not even who follows already."""
    await create(service.runs)
    (newest,) = await ids(db)
    for after in (f"{'0' * 16}-1", f"{db.epoch}-2"):
        gone = await refusal(feed, after)
        assert (type(gone), gone.code, gone.details) == (Gone, "epochChanged", {"newest": newest})
    stream = await feed.events()
    await anext(stream)
    url = database_url("runservice")
    schema = "runservice." if url.startswith("postgresql") else ""
    outside.execute(url, f"UPDATE {schema}tidemill_identity SET epoch = 'imported'")
    bells.ring_all()
    with pytest.raises(Gone) as changed:
        await asyncio.wait_for(anext(stream), 5)
    assert (changed.value.code, changed.value.details) == ("epochChanged", {"newest": "imported-1"})


@pytest.mark.parametrize("after", ["x", "-1", "1", "a-", "a-x", "a-\u0661", f"a-{'9' * 19}"])
async def test_what_is_no_id(feed: Feed, after: str) -> None:
    """It is said, and not taken for one that is gone."""
    refused = await refusal(feed, after)
    assert (type(refused), refused.code) == (BadRequest, "invalidEventId")


async def test_over_http_the_header_goes_before_the_query(
    service: Service, whole: RunserviceService, db: Database
) -> None:
    """A browser repeats its first address with the header; a refusal has its status and its details."""
    for _ in range(3):
        await create(service.runs)
    known = await ids(db)
    app = make_app(serve(Feed, cast("Feed", whole.faces()[Feed]), "/internal/feed"))
    async with asyncio.timeout(10), running(app) as url, client(url) as http:
        path = f"/internal/feed/events?after={known[0]}"
        async with http.stream("GET", path, headers={"Last-Event-ID": known[1]}) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            async with aclosing(messages(answer.aiter_raw())) as stream:
                assert (await anext(stream)).id == known[2]
        refused = await http.get(path, headers={"Last-Event-ID": "other-1"})
        assert refused.status_code == 410
        (error,) = refused.json()
        assert (error["code"], error["details"]) == ("epochChanged", {"newest": known[2]})


async def test_a_reader_that_stands_still_costs_no_memory(
    service: Service, whole: RunserviceService, feed: Feed, db: Database
) -> None:
    """What is kept for readers has a bound; who has fallen behind reads the rest from the database."""
    stream = messages(await feed.events())
    await create(service.runs)
    first = await asyncio.wait_for(anext(stream), 5)
    payload = first.data.encode()

    async def emit(tx: Transaction) -> None:
        for _ in range(3000):
            tx.emit("run", "x", payload)
        tx.after_commit(whole._bells.ring, "events")

    await db.do(emit)
    quick = await told(feed, 3000, first.id)
    tail = whole._feed._tail
    assert len(tail._told) <= 1000
    assert tail._bytes <= 4 * 1024 * 1024
    slow = [await asyncio.wait_for(anext(stream), 5) for _ in range(3000)]
    assert [one.id for one in slow] == [one.id for one in quick] == (await ids(db))[1:]
    await stream.aclose()
    assert not tail._readers
    assert not tail._told
