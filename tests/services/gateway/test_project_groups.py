"""Project groups through the public API: changed, moved and deleted by those who own both ends."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person, project, ref

pytestmark = pytest.mark.anyio

TOOLS, INNER = f"/projectgroups/{ref('user/alice/tools')}", f"/projectgroups/{ref('user/alice/tools/inner')}"


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


@pytest.fixture
async def bob(house: House) -> Person:
    return await house.person("bob")


@pytest.fixture
async def tools(alice: Person) -> dict[str, Any]:
    """A group of alice's with another, private one in it, and a project in each."""
    made = await group(alice, "tools")
    await group(alice, "inner", "user/alice/tools", "private")
    await project(alice, "p", parent="user/alice/tools")
    await project(alice, "q", parent="user/alice/tools/inner")
    return made


async def group(person: Person, name: str, parent: str = "", visibility: str = "public") -> dict[str, Any]:
    body = {"name": name, "parent_ref": parent, "visibility": visibility}
    answer = await person.ask("POST", "/projectgroups", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_group_is_renamed_and_hidden(house: House, alice: Person, tools: dict[str, Any]) -> None:
    """Answered 201, as the reference has it; what is left out or null stays."""
    body = {"name": "kit", "visibility": "private", "parent_ref": None}
    answer = await alice.ask("PUT", TOOLS, body)
    assert answer.status_code == 201
    hidden = {"visibility": "private", "global_visibility": "private"}
    assert answer.json() == tools | {"name": "kit", "path": "user/alice/kit"} | hidden
    assert await alice.failure("GET", TOOLS) == (404, "projectGroupDoesNotExist")
    below = f"/projects/{ref('user/alice/kit/p')}"
    assert (await alice.get(below))["global_visibility"] == "private"
    assert await house.nobody.failure("GET", below) == (403, "forbidden")
    unchanged = await house.admin.ask("PUT", f"/projectgroups/{tools['id']}", {})
    assert unchanged.json() == answer.json()


async def test_a_group_is_moved_by_who_owns_both_ends(
    house: House, alice: Person, bob: Person, tools: dict[str, Any]
) -> None:
    """Neither into what is another's, nor out of it; administrators own everything."""
    await group(alice, "other")
    moved = await alice.ask("PUT", INNER, {"parent_ref": "user/alice/other"})
    assert moved.json()["path"] == "user/alice/other/inner"
    assert (await alice.get(f"/projects/{ref('user/alice/other/inner/q')}"))["name"] == "q"
    foreign = {"parent_ref": "user/bob"}
    assert await alice.failure("PUT", TOOLS, foreign) == (403, "forbidden")
    assert await bob.failure("PUT", TOOLS, foreign) == (403, "forbidden")
    assert await bob.failure("PUT", TOOLS, {}) == (403, "forbidden")
    given = await house.admin.ask("PUT", TOOLS, foreign)
    assert given.json()["path"] == "user/bob/tools"
    assert await alice.failure("DELETE", f"/projectgroups/{tools['id']}") == (403, "forbidden")
    assert (await bob.ask("DELETE", f"/projectgroups/{tools['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (TOOLS, {"name": "a_b", "visibility": "odd"}, (400, "invalidProjectGroupName")),
        (TOOLS, {"name": "", "parent_ref": "user/none"}, (400, "invalidProjectGroupName")),
        (TOOLS, {"visibility": "odd", "parent_ref": "user/none"}, (400, "invalidVisibility")),
        (TOOLS, {"parent_ref": "user/none"}, (404, "parentProjectGroupDoesNotExist")),
        (TOOLS, {"parent_ref": ""}, (404, "parentProjectGroupDoesNotExist")),
        (TOOLS, {"parent_ref": "team/x"}, (400, "invalidPath")),
        (TOOLS, {"parent_ref": "user/alice/tools/inner"}, (400, "badRequest")),
        (TOOLS, {"parent_ref": "user/alice/tools"}, (400, "badRequest")),
        (TOOLS, {"name": "taken"}, (400, "projectGroupAlreadyExists")),
        (INNER + "x", {}, (404, "projectGroupDoesNotExist")),
        (f"/projectgroups/{ref('user/alice')}", {"name": "x"}, (400, "invalidProjectGroupName")),
        (f"/projectgroups/{ref('user/alice')}", {"parent_ref": "user/alice/taken"}, (400, "badRequest")),
    ],
)
async def test_a_wrong_change_is_refused(
    alice: Person, tools: dict[str, Any], path: str, body: dict[str, str], expected: tuple[int, str]
) -> None:
    """With the reference's codes, in its order."""
    await group(alice, "taken")
    assert await alice.failure("PUT", path, body) == expected
    assert await alice.get(TOOLS) == tools


async def test_a_deleted_group_takes_everything_along(
    house: House, alice: Person, tools: dict[str, Any]
) -> None:
    """Projects at any depth, and their repositories."""
    kept = await project(alice, "kept")
    below = {
        (await alice.get(f"/projects/{ref(path)}"))["id"]
        for path in ("user/alice/tools/p", "user/alice/tools/inner/q")
    }
    answer = await alice.ask("DELETE", TOOLS)
    assert (answer.status_code, answer.content) == (204, b"")
    for path in (TOOLS, INNER):
        assert await alice.failure("DELETE", path) == (404, "projectGroupDoesNotExist")
    await house.gateway._removing.work()
    assert set(house.git.deleted) == below
    assert await alice.get(f"/projects/{kept['id']}") == kept


async def test_a_root_group_is_not_deleted(house: House, alice: Person, bob: Person) -> None:
    """Not even by administrators; who may not is told that first."""
    root = f"/projectgroups/{ref('user/alice')}"
    assert await bob.failure("DELETE", root) == (403, "forbidden")
    for person in (alice, house.admin):
        assert await person.failure("DELETE", root) == (400, "badRequest")
    assert await alice.as_agola("DELETE", root) == (400, b"[]")


CELLS = {
    ("PUT", "/projectgroups/{}"): "401 403 201 201",
    ("DELETE", "/projectgroups/{}"): "401 403 204 204",
}


@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("route", CELLS, ids=" ".join)
async def test_each_route_asks_its_permission(
    house: House, alice: Person, bob: Person, route: tuple[str, str], visibility: str
) -> None:
    """Nobody, a stranger, the owner, the admin token."""
    verb, path = route
    for person, cell in zip((house.nobody, bob, alice, house.admin), CELLS[route].split(), strict=True):
        made = await group(alice, "g", visibility=visibility)
        answer = await person.ask(verb, path.format(made["id"]), {} if verb == "PUT" else None)
        assert answer.status_code == int(cell), (person.token, answer.text)
        await alice.ask("DELETE", f"/projectgroups/{made['id']}")


async def test_what_other_hosts_need_is_answered_for_ours(house: House, alice: Person, bob: Person) -> None:
    """Keys, webhooks, accounts: there are none; the default branch is the repository's."""
    made = await project(alice, "hello")
    path = f"/projects/{made['id']}"
    anew = await alice.ask("PUT", f"{path}/reconfig")
    assert (anew.status_code, anew.content) == (204, b"")
    for verb, what in (("PUT", "updaterepolinkedaccount"), ("POST", "refreshremoterepo")):
        answer = await alice.ask(verb, f"{path}/{what}")
        assert (answer.status_code, answer.json()) == (200, made)
    house.git.commit_to(made["id"], "refs/heads/main", "a" * 40, {})
    answer = await alice.ask("POST", f"{path}/refreshremoterepo")
    assert answer.json() == made | {"default_branch": "main"}
    cells = {
        ("PUT", "reconfig"): (401, 403, 204),
        ("PUT", "updaterepolinkedaccount"): (401, 403, 400),
        ("POST", "refreshremoterepo"): (401, 403, 200),
    }
    for (verb, what), statuses in cells.items():
        for person, status in zip((house.nobody, bob, house.admin), statuses, strict=True):
            assert (await person.ask(verb, f"{path}/{what}")).status_code == status, what
        assert await alice.failure(verb, f"/projects/none/{what}") == (404, "projectDoesNotExist")


async def test_agolas_client_gets_what_it_reads(house: House, alice: Person, tools: dict[str, Any]) -> None:
    """Byte for byte, without an Accept header: keys in their order, codes without messages, empty lists."""
    status, body = await alice.as_agola("PUT", TOOLS, {"name": "a<b", "visibility": None})
    assert (status, body) == (400, b'[{"code":"invalidProjectGroupName","details":null}]')
    status, body = await alice.as_agola("PUT", TOOLS, {"visibility": "private", "unknown": 1})
    shown = (
        f'{{"id":"{tools["id"]}","name":"tools","path":"user/alice/tools","parent_path":"user/alice",'
        '"visibility":"private","global_visibility":"private"}'
    )
    assert (status, body) == (201, shown.encode())
    assert await alice.as_agola("PUT", TOOLS, None) == (400, b"[]")
    bob = await house.person("bob")
    assert await bob.as_agola("PUT", TOOLS, {}) == (403, b"[]")
    assert await bob.as_agola("DELETE", TOOLS) == (403, b"[]")
    assert await house.nobody.as_agola("DELETE", TOOLS) == (401, b"[]")
    made = await project(alice, "hello")
    assert await alice.as_agola("PUT", f"/projects/{made['id']}/reconfig") == (204, b"")
    assert await alice.as_agola("DELETE", TOOLS) == (204, b"")
    missing = b'[{"code":"projectGroupDoesNotExist","details":null}]'
    assert await alice.as_agola("DELETE", TOOLS) == (404, missing)
