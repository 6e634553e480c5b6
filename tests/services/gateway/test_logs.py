"""Logs and runs as they grow, through the public API."""

import json
from typing import Any

import anyio
import httpx2
import pytest

from tests.services.gateway.conftest import (
    House,
    Person,
    project,
)
from tests.services.gateway.worker import Worker
from tidemill.core.job import Outcome
from tidemill.services.gateway import watching

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"


async def push(house: House, hello: str, *refs: str) -> None:
    outcome = await house.push(hello, *refs)
    assert outcome.is_complete
    assert not outcome.notes


async def test_bad_logs(alice: Person, hello: str) -> None:
    """Exactly one of setup and step."""
    for query, code in {
        "": "badRequest",
        "?setup&step=0": "badRequest",
        "?step=x": "invalidRunTaskStepNumber",
        "?step=-1": "invalidRunTaskStepNumber",
        "?step=": "invalidRunTaskStepNumber",
    }.items():
        assert await alice.failure("GET", f"/projects/{hello}/runs/1/tasks/t/logs{query}") == (400, code)


async def test_logs_are_read_and_followed(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """As plain text, byte for byte; a follower hears the end of the step."""
    await push(house, hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    logs = f"/projects/{hello}/runs/1/tasks/{spec.task_id}/logs"
    await worker.write(spec, -1, 0, b"preparing\n")
    await worker.write(spec, 0, 0, b"one\n\xff")
    answer = await house.nobody.ask("GET", f"{logs}?step=0")
    assert (answer.status_code, answer.content) == (200, b"one\n\xff")
    assert answer.headers["content-type"] == "text/plain;charset=UTF-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert (await alice.ask("GET", f"{logs}?setup")).content == b"preparing\n"
    assert (await alice.ask("GET", f"{logs}?step=0&offset=2")).content == b"e\n\xff"
    assert (await alice.ask("GET", f"{logs}?step=0&offset=99")).content == b""
    assert (await alice.ask("GET", f"{logs}?step=0&attempt=1")).content == b"one\n\xff"
    assert await alice.failure("GET", f"{logs}?step=0&attempt=2") == (404, "notFound")
    assert await alice.failure("GET", f"{logs}?step=0&offset=-1") == (400, "badRequest")
    assert await alice.as_agola("GET", f"{logs}?step=7") == (404, b"[]")

    heard = bytearray()
    first = anyio.Event()

    async def follow() -> None:
        request = alice._http.build_request("GET", f"/api/v1alpha{logs}?step=0&follow")
        answer = await alice._http.send(request, stream=True)
        async for block in answer.aiter_raw():
            heard.extend(block)
            first.set()
        await answer.aclose()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await first.wait()
            await worker.write(spec, 0, 5, b" two\n")
            await worker.end(spec, Outcome.SUCCESS)
    assert bytes(heard) == b"one\n\xff two\n"


async def test_a_run_is_followed(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """Its state now and after each change, as lines, until it ends."""
    await push(house, hello, MAIN)
    states: list[dict[str, Any]] = []
    changed = anyio.Event()

    async def follow() -> None:
        request = alice._http.build_request("GET", f"/api/v1alpha/projects/{hello}/runs/1/follow")
        answer = await alice._http.send(request, stream=True)
        assert answer.headers["content-type"] == "application/x-ndjson"
        async for line in answer.aiter_lines():
            if line:
                states.append(json.loads(line))
                changed.set()
        await answer.aclose()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await changed.wait()
            await worker.start_all()
            await worker.end(await worker.begin(), Outcome.SUCCESS)
    assert states[0]["phase"] == "queued"
    assert (states[-1]["phase"], states[-1]["result"]) == ("finished", "success")
    assert states[-1] == await alice.get(f"/projects/{hello}/runs/1")
    assert await alice.failure("GET", f"/projects/{hello}/runs/2/follow") == (404, "runDoesNotExist")


@pytest.mark.parametrize("what", ["logs?step=0&follow", "follow"])
async def test_a_follower_whose_token_is_deleted_hears_no_more(
    house: House, alice: Person, hello: str, worker: Worker, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The stream is cut, so that it is not taken for a whole one; somebody else's goes on."""
    monkeypatch.setattr(watching, "SECONDS", 0.0)
    made = await alice.ask("POST", "/users/alice/tokens", {"token_name": "lost"})
    thief = house.with_token(made.json()["token"])
    await push(house, hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    await worker.write(spec, 0, 0, b"one\n")
    path = f"/projects/{hello}/runs/1"
    path += f"/tasks/{spec.task_id}/{what}" if what.startswith("logs") else f"/{what}"
    with anyio.fail_after(20):
        async with thief.stream(path) as stolen, alice.stream(path) as own:
            heard, read = stolen.aiter_raw(), own.aiter_raw()
            first = await anext(heard)
            assert first
            assert await anext(read)
            assert (await alice.ask("DELETE", "/users/alice/tokens/lost")).status_code == 204
            await worker.write(spec, 0, 4, b"two\n")
            await worker.end(spec, Outcome.SUCCESS)
            assert [chunk async for chunk in read]
            with pytest.raises(httpx2.RemoteProtocolError):
                [chunk async for chunk in heard]


async def test_a_run_of_a_private_project_is_private(house: House, alice: Person) -> None:
    """Also its log and its stream."""
    made = await project(alice, "secret", "private")
    path = f"/projects/{made['id']}"
    await push(house, made["id"], MAIN)
    (task_id,) = (await alice.get(f"{path}/runs/1"))["tasks"]
    bob = await house.person("bob")
    logs = f"/tasks/{task_id}/logs"
    for what in ("", "/follow", f"/tasks/{task_id}", f"{logs}?setup", f"{logs}/index?setup"):
        assert await bob.as_agola("GET", f"{path}/runs/1{what}") == (403, b"[]")
        assert await house.nobody.as_agola("GET", f"{path}/runs/1{what}") == (403, b"[]")


async def test_parts_of_logs_are_read(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """By bytes, by lines, by time, from the end; as they grow and afterwards; with times if wanted."""
    await push(house, hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    logs = f"/projects/{hello}/runs/1/tasks/{spec.task_id}/logs"
    await worker.write(spec, 0, 0, b"one\r\ntwo\r\n::group::three\r\nfo")

    async def read(query: str) -> bytes:
        answer = await alice.ask("GET", f"{logs}?step=0&{query}")
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    assert await read("offset=1&limit=3") == b"ne\r"
    assert await read("line=2&lines=1") == b"two\r\n"
    assert await read("tail=2") == b"::group::three\r\nfo"
    assert await read("line=9") == b""
    assert await read("since=1h") == await read("since=2020-01-01T00:00:00Z") == await read("tail=99")
    assert await read("since=9999-12-31T23:59:59Z") == b""
    stamped = (await read("timestamps&tail=2")).split(b"\r\n")
    assert [line[25:] for line in stamped] == [b"::group::three", b"fo"]
    assert all(line[10:11] + line[23:25] == b"TZ " for line in stamped)
    index = await alice.get(f"{logs}/index?step=0&line=2")
    assert (index["start"], index["lines"], index["length"], index["final"]) == (5, 4, 28, False)
    assert (index["attempt"], index["latest_attempt"]) == (1, 1)
    assert [(group["name"], group["line"], group["last_line"]) for group in index["groups"]] == [
        ("three", 3, None)
    ]
    assert (index["places"][0]["offset"], index["places"][0]["line"]) == (0, 1)
    assert index["places"][0]["time"].endswith("Z")
    assert await house.nobody.get(f"{logs}/index?step=0") | {"start": 5} == index


NONSENSE = [
    "offset=1&line=1",
    "tail=1&since=5m",
    "limit=1&lines=1",
    "line=0",
    "tail=-1",
    "lines=0",
    "limit=0",
]
NONSENSE += [
    "limit=x",
    "since=yesterday",
    "since=",
    "attempt=-1",
    "attempt=2147483648",
    "offset=99999999999999999999",
    "since=9999999h",
]


async def test_nonsense_is_refused(house: House, alice: Person, hello: str, worker: Worker) -> None:
    """With a reason, before the first byte."""
    await push(house, hello, MAIN)
    await worker.start_all()
    spec = await worker.begin()
    logs = f"/projects/{hello}/runs/1/tasks/{spec.task_id}/logs"
    for query in NONSENSE:
        answer = await alice.ask("GET", f"{logs}?step=0&{query}")
        assert (query, answer.status_code, bool(answer.json()[0]["message"])) == (query, 400, True)
