"""Keys of secrets through the public API: administrators see them and have one take over."""

from pathlib import Path

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person
from tidemill.kit.crypto import key_id

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is sealed how is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


async def test_administrators_see_the_keys(house: House, alice: Person, hello: str) -> None:
    """By names that say nothing about them, with how much is sealed under each."""
    secret = {"name": "s", "type": "internal", "data": {"k": "v"}}
    assert (await alice.ask("POST", f"/projects/{hello}/secrets", secret)).status_code == 201
    key = {"id": key_id(bytes(32)), "current": True, "here": True, "sealed": 1}
    assert await house.admin.get("/sealingkeys") == [key]
    answer = await house.admin.ask("POST", "/sealingkeys/reseal", {})
    assert (answer.status_code, answer.json()) == (200, {"resealed": 0, "unopened": 0, "next": "1/"})
    answer = await house.admin.ask("POST", "/sealingkeys/reseal", {"after": "1/"})
    assert answer.json()["next"] == ""
    wrong = {"after": "nowhere"}
    assert await house.admin.failure("POST", "/sealingkeys/reseal", wrong) == (400, "badPosition")


async def test_nobody_else_does(house: House, alice: Person) -> None:
    """Neither sees nor reseals."""
    for verb, path in (("GET", "/sealingkeys"), ("POST", "/sealingkeys/reseal")):
        assert await alice.failure(verb, path, {} if verb == "POST" else None) == (403, "forbidden")
        assert await house.nobody.failure(verb, path, {} if verb == "POST" else None) == (401, "unauthorized")
