"""Badges: the newest run of a branch as a picture, for whoever asks."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person, project, ref
from tests.services.gateway.worker import Worker
from tidemill.core.job import Outcome

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: which run is the newest is the runservice's business, which is tested on both."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


async def look(person: Person, path: str) -> tuple[str, str, str, str]:
    """Name, state, its colour and the width of a badge."""
    answer = await person.ask("GET", f"/badges/{path}", accept=False)
    assert answer.status_code == 200, answer.text
    picture = ET.fromstring(answer.content)
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    colours = [rect.get("fill") for rect in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert words[::2] == words[1::2]
    assert picture.get("height") == "20"
    return str(words[0]), str(words[-1]), str(colours[2]), str(picture.get("width"))


async def test_each_state_has_its_picture(house: House, hello: str, worker: Worker) -> None:
    """With the reference's words, colours and widths."""
    nobody = house.nobody
    assert await look(nobody, hello) == ("run", "unknown", "#9f9f9f", "90")
    await house.push(hello, "refs/heads/main")
    assert await look(nobody, hello) == ("run", "inprogress", "#007ec6", "96")
    await worker.start_all()
    spec = await worker.begin()
    assert await look(nobody, hello) == ("run", "inprogress", "#007ec6", "96")
    await worker.end(spec, Outcome.SUCCESS)
    assert await look(nobody, hello) == ("run", "success", "#4c1", "82")
    await house.push(hello, "refs/heads/main")
    await worker.start_all()
    await worker.end(await worker.begin(), Outcome.FAILED)
    assert await look(nobody, hello) == ("run", "failed", "#e05d44", "68")
    await house.push(hello, "refs/heads/main", files={".agola/config.yml": b"runs: ["})
    assert await look(nobody, hello) == ("run", "error", "#dfb317", "66")


async def test_a_cancelled_or_stopped_run_has_failed(
    house: House, alice: Person, hello: str, worker: Worker
) -> None:
    """To a badge it makes no difference."""
    await house.push(hello, "refs/heads/main")
    await alice.ask("PUT", f"/projects/{hello}/runs/1/actions", {"action_type": "cancel"})
    assert (await look(house.nobody, hello))[1] == "failed"
    await house.push(hello, "refs/heads/main")
    await worker.start_all()
    spec = await worker.begin()
    await alice.ask("PUT", f"/projects/{hello}/runs/2/actions", {"action_type": "stop"})
    await worker.end(spec, Outcome.STOPPED)
    assert (await look(house.nobody, hello))[1] == "failed"


async def test_a_badge_is_about_branches(house: House, hello: str) -> None:
    """About the one that is named, or the newest run of any; never about tags."""
    await house.push(hello, "refs/tags/v1")
    assert (await look(house.nobody, hello))[1] == "unknown"
    await house.push(hello, "refs/heads/feature/a b")
    assert (await look(house.nobody, hello))[1] == "inprogress"
    assert (await look(house.nobody, f"{hello}?branch=feature/a%20b"))[1] == "inprogress"
    assert (await look(house.nobody, f"{hello}?branch=feature"))[1] == "unknown"


async def test_anybody_sees_a_badge_and_no_cache_keeps_it(house: House, alice: Person) -> None:
    """Also of a private project, also with a token that nobody has; a missing project has none."""
    await project(alice, "hidden", "private")
    for person in (house.nobody, house.with_token("nobody's")):
        answer = await person.ask("GET", f"/badges/{ref('user/alice/hidden')}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cache-control"] == "no-cache"
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert b"://" not in answer.content.replace(b"http://www.w3.org/2000/svg", b"")
    assert (await house.nobody.ask("HEAD", f"/badges/{ref('user/alice/hidden')}")).status_code == 200
    missing = ref("user/alice/none")
    assert await house.nobody.failure("GET", f"/badges/{missing}") == (404, "projectDoesNotExist")
