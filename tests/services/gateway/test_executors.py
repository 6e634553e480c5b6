"""Executors at the public API: for administrators, by id or name, and what people want of them."""

import json

import pytest

from tests.conftest import Clock
from tests.services.gateway.conftest import House
from tests.services.runservice.playing import Player
from tidemill.services.runservice.service import RunserviceService

pytestmark = pytest.mark.anyio


async def test_only_administrators_see_and_change_them(house: House, runservice: RunserviceService) -> None:
    """Everybody else is refused, whether there is such an executor or not."""
    await Player(runservice).sync()
    alice = await house.person("alice")
    for verb, path in (
        ("GET", "/executors"),
        ("GET", "/executors/e1"),
        ("GET", "/executors/none"),
        ("GET", "/executors/e1/follow"),
        ("POST", "/executors/e1/drain"),
        ("DELETE", "/executors/e1"),
    ):
        body = {} if verb == "POST" else None
        assert (await alice.failure(verb, path, body))[0] == 403
        assert (await house.nobody.failure(verb, path, body))[0] == 401


async def test_they_are_listed_in_pages(house: House, runservice: RunserviceService) -> None:
    """By name, each with its load and what it offers."""
    for name in ("e3", "e1", "e2"):
        await Player(runservice, id=name, labels={"zone": name}).sync()
    first = await house.admin.ask("GET", "/executors?limit=2")
    assert [(one["name"], one["labels"]) for one in first.json()] == [
        ("e1", {"zone": "e1"}),
        ("e2", {"zone": "e2"}),
    ]
    rest = await house.admin.get(f"/executors?limit=2&cursor={first.headers['x-agola-cursor']}")
    assert [one["name"] for one in rest] == ["e3"]
    assert rest[0]["state"] == "working"
    assert (await house.admin.failure("GET", "/executors?cursor=damaged"))[0] == 400


async def test_drain_pause_and_resume_say_by_whom(house: House, runservice: RunserviceService) -> None:
    """The state that follows is shown at once."""
    await Player(runservice).sync()
    for action, state in (("drain", "drained"), ("pause", "paused"), ("resume", "working")):
        answer = (await house.admin.ask("POST", f"/executors/e1/{action}", {"reason": "kernel"})).json()
        assert (answer["state"], answer["wanted_by"]) == (state, "the administrator")
        assert answer["wanted_reason"] == "kernel"
    assert await house.admin.failure("POST", "/executors/none/drain", {}) == (404, "executorDoesNotExist")


async def test_one_that_is_followed_shows_each_change(house: House, runservice: RunserviceService) -> None:
    """A line now, and a line when it is wanted to drain."""
    await Player(runservice).sync()
    states = []
    async with house.admin.stream("/executors/e1/follow") as answer:
        async for line in answer.aiter_lines():
            if not line:
                continue
            states.append(json.loads(line)["state"])
            if states == ["working"]:
                await house.admin.ask("POST", "/executors/e1/drain", {})
            else:
                break
    assert states == ["working", "drained"]


async def test_only_a_silent_one_is_deleted(
    house: House, runservice: RunserviceService, clock: Clock
) -> None:
    """One that is online is to be stopped first."""
    await Player(runservice).sync()
    assert await house.admin.failure("DELETE", "/executors/e1") == (409, "executorIsOnline")
    clock.advance(3600)
    answer = await house.admin.ask("DELETE", "/executors/e1")
    assert answer.status_code == 200, answer.text
    assert await house.admin.get("/executors") == []
