"""Events through the public API: what people see of them, who may see whose, resumed at any byte."""

import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

from tests.services.gateway.conftest import House, Person, project
from tests.services.gateway.worker import Worker
from tidemill.kit.event_stream import Message, Parser, messages
from tidemill.services.gateway import watching

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"


@asynccontextmanager
async def following(person: Person, path: str) -> AsyncIterator[AsyncIterator[Message]]:
    """The messages of a stream of events."""
    with anyio.fail_after(20):
        async with person.stream(path) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"] == "text/event-stream"
            async with aclosing(messages(answer.aiter_raw())) as told:
                yield told


async def events(person: Person, path: str, count: int) -> list[Any]:
    """The next events of a stream."""
    async with following(person, path) as told:
        return [json.loads((await anext(told)).data) for _ in range(count)]


async def test_a_project_tells_of_its_runs_and_tasks(
    house: House, alice: Person, hello: str, worker: Worker
) -> None:
    """Runs as lists show them, tasks as runs show them, with the project's id and the time."""
    await house.push(hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    found = await events(alice, f"/projects/{hello}/events?after=oldest", 3)
    assert [event["kind"] for event in found] == ["run", "run", "task"]
    assert {event["project_id"] for event in found} == {hello}
    assert [event["run"]["phase"] for event in found[:2]] == ["queued", "running"]
    (listed,) = await alice.get(f"/projects/{hello}/runs")
    assert found[1]["run"] == listed
    assert found[2]["run_number"] == 1
    run = await alice.get(f"/projects/{hello}/runs/1")
    shown = run["tasks"][spec.task_id]
    assert found[2]["task"] == {key: shown[key] for key in found[2]["task"]}
    assert found[2]["task"]["status"] == "running"
    assert found[2]["time"] == "2026-07-30T12:00:00Z"


async def test_a_project_tells_of_no_other(house: House, alice: Person, hello: str) -> None:
    """And the administrator is told of all, in one order."""
    other = str((await project(alice, "other"))["id"])
    for one in (hello, other, hello):
        await house.push(one, MAIN)
    mine = await events(alice, f"/projects/{hello}/events?after=oldest", 2)
    assert [event["run"]["number"] for event in mine] == [1, 2]
    every = await events(house.admin, "/events?after=oldest", 3)
    assert [event["project_id"] for event in every] == [hello, other, hello]


async def test_who_may_follow_whose_runs(house: House, alice: Person, hello: str) -> None:
    """Who may list runs may follow them; all at once are for administrators."""
    bob = await house.person("bob")
    private = str((await project(alice, "hidden", "private"))["id"])
    for path, answers in {
        f"/projects/{hello}/events": (200, 200, 401, 200),
        f"/projects/{private}/events": (200, 403, 401, 200),
        "/users/alice/events": (200, 403, 401, 200),
        "/events": (403, 403, 401, 200),
    }.items():
        for person, status in zip((alice, bob, house.nobody, house.admin), answers, strict=True):
            async with person.stream(path) as answer:
                assert answer.status_code == status, path
    assert await alice.failure("GET", "/projects/none/events") == (404, "projectDoesNotExist")
    assert await alice.failure("GET", "/users/none/events") == (404, "userDoesNotExist")


async def test_what_is_gone_keeps_its_status(house: House, alice: Person, hello: str) -> None:
    """Also behind the gateway, with what a reader needs to go on; the header goes before the query."""
    await house.push(hello, MAIN)
    path = f"/projects/{hello}/events"
    assert await alice.failure("GET", f"{path}?after=x") == (400, "invalidEventId")
    refused = await alice.ask("GET", f"{path}?after=oldest", headers={"Last-Event-ID": "other-1"})
    (error,) = refused.json()
    assert (refused.status_code, error["code"]) == (410, "epochChanged")
    assert error["details"]["newest"].endswith("-1")
    status, body = await alice.as_agola("GET", f"{path}?after=other-1")
    assert (status, body) == (410, b'[{"code":"epochChanged","details":null}]')


async def test_a_stream_that_is_cut_at_any_byte_goes_on(house: House, alice: Person, hello: str) -> None:
    """With the last id that its reader has seen: no event is missing, none comes twice."""
    for _ in range(12):
        await house.push(hello, MAIN)
    chance = random.Random(7)
    parser = Parser()
    told: list[int] = []
    breaks = 0
    with anyio.fail_after(30):
        while len(told) < 12:
            headers = {"Authorization": f"token {alice.token}"}
            query = "" if parser.last_id else "?after=oldest"
            if parser.last_id:
                headers["Last-Event-ID"] = parser.last_id
            parser = Parser(parser.last_id)
            path = f"/api/v1alpha/projects/{hello}/events{query}"
            async with house.http.stream("GET", path, headers=headers) as answer:
                left = chance.randrange(2000)
                async for block in answer.aiter_raw():
                    told += [json.loads(one.data)["run"]["number"] for one in parser.feed(block[:left])]
                    left -= len(block)
                    if left <= 0:
                        breaks += 1
                        break
                    if len(told) >= 12:
                        break
    assert told == list(range(1, 13))
    assert breaks > 1


async def test_a_reader_whose_token_is_deleted_hears_no_more(
    house: House, alice: Person, hello: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream breaks before the next event that comes after a while."""
    monkeypatch.setattr(watching, "SECONDS", 0)
    async with alice.stream(f"/projects/{hello}/events") as answer:
        stream = answer.aiter_raw()
        with anyio.fail_after(10):
            await anext(stream)
            deleted = await alice.ask("DELETE", "/users/alice/tokens/t")
            assert deleted.status_code == 204
            await house.push(hello, MAIN)
            with pytest.raises(httpx2.RemoteProtocolError):
                await anext(stream)
