"""Webhooks of git hosts: who does not prove where they come from is nobody."""

from itertools import product
from pathlib import Path

import httpx2
import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person, project, pushes_of, ref
from tidemill.services.gateway.webhooks import SIGNATURES

pytestmark = pytest.mark.anyio

PUSH = b'{"ref":"refs/heads/main","after":"%s","repository":{"name":"p"}}' % (b"a" * 40)


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: nothing is stored."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


async def sent(house: House, query: str, body: bytes = PUSH, **headers: str) -> tuple[int, str]:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    answer: httpx2.Response = await house.http.post(f"/webhooks{query}", content=body, headers=given)
    return answer.status_code, answer.json()[0]["code"]


async def test_a_webhook_without_a_signature_is_nobodys(house: House, alice: Person) -> None:
    """T8, T11: 401 for every kind of git host, whether there is such a project or not."""
    made = await project(alice, "p")
    for whose in (made["id"], "00000000-0000-4000-8000-000000000000", "x"):
        for event in ("x-gitea-event", "x-github-event", "x-gitlab-event", "x-other"):
            assert await sent(house, f"?projectid={whose}&agolaid=agola", **{event: "push"}) == (
                401,
                "signatureMissing",
            )
        assert await sent(house, f"?projectid={whose}", x_hub_signature_256="") == (401, "signatureMissing")
        assert await sent(house, f"?projectid={whose}", authorization=f"token {alice.token}") == (
            401,
            "signatureMissing",
        )


async def test_projects_on_the_built_in_host_take_none(house: House, alice: Person) -> None:
    """T11, T12: whatever its body says, nothing is made of it."""
    made = await project(alice, "p")
    query = f"?projectid={made['id']}"
    for header, body in product(SIGNATURES, (PUSH, b"", b"no json", b"[" * 100_000, b"\xff")):
        assert await sent(house, query, body, **{header: "0" * 64}) == (400, "projectHasNoWebhook")
    assert await pushes_of(alice, ref("user/alice/p")) == []


async def test_a_webhook_learns_nothing_of_a_project(house: House, alice: Person) -> None:
    """What looks like a signature is none: whoever knows an id does not learn what is called so."""
    made = await project(alice, "hidden", visibility="private")
    query = f"?projectid={made['id']}"
    answer = await house.http.post(f"/webhooks{query}", content=PUSH, headers={"x-gitlab-token": "x"})
    assert answer.status_code == 400
    assert "hidden" not in answer.text
    assert await sent(house, "?projectid=user/alice/hidden", x_gitlab_token="x") == (
        404,
        "projectDoesNotExist",
    )


async def test_where_a_webhook_is_sent(house: House) -> None:
    """The address names the project, by its id."""
    assert await sent(house, "", x_gitlab_token="x") == (400, "badRequest")
    assert await sent(house, "?projectid=none", x_gitlab_token="x") == (404, "projectDoesNotExist")
    assert await sent(house, "?projectid=%00", x_gitlab_token="x") == (400, "badRequest")


async def test_a_webhook_is_no_larger_than_other_bodies(house: House) -> None:
    """T13: refused by its length alone."""
    assert await sent(house, "?projectid=x", b" " * (1024 * 1024 + 1)) == (413, "tooLarge")
