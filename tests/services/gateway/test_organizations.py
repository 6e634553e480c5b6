"""Organizations and their members through the public API: shapes, permissions, the order of checks."""

from base64 import b64decode
from pathlib import Path
from typing import Any, cast

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person, project, ref
from tests.services.gateway.worker import Worker
from tidemill.contracts.configstore import ProjectIds
from tidemill.contracts.organizations import Organizations
from tidemill.services.configstore import ConfigstoreService

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored here is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


@pytest.fixture
async def bob(house: House) -> Person:
    return await house.person("bob")


@pytest.fixture
async def carol(house: House) -> Person:
    return await house.person("carol")


async def organization(person: Person, name: str = "acme", visibility: str = "public") -> dict[str, Any]:
    """A new organization."""
    answer = await person.ask("POST", "/orgs", {"name": name, "visibility": visibility})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def add(person: Person, user: str, role: str, org: str = "acme") -> None:
    """Make a user belong to an organization."""
    answer = await person.ask("PUT", f"/orgs/{org}/members/{user}", {"role": role})
    assert answer.status_code == 200, answer.text


async def test_an_organization_is_made_by_anybody(house: House, alice: Person) -> None:
    """Who makes it owns it; made with the admin token it has no members."""
    acme = await organization(alice)
    assert list(acme) == ["id", "name", "visibility"]
    assert await alice.get("/orgs/acme") == await alice.get(f"/orgs/{acme['id']}") == acme
    me = await alice.get("/user")
    owner = {"user": {"id": me["id"], "username": "alice"}, "role": "owner"}
    assert await alice.get("/orgs/acme/members") == {"organization": acme, "members": [owner]}
    await organization(house.admin, "admins")
    assert (await alice.get("/orgs/admins/members"))["members"] == []
    root = await alice.get(f"/projectgroups/{ref('org/acme')}")
    assert (root["name"], root["path"], root["parent_path"]) == ("", "org/acme", "org/acme")
    assert await house.nobody.failure("POST", "/orgs", {"name": "x"}) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "a_b"}, (400, "invalidOrganizationName")),
        ({"name": "x"}, (400, "invalidVisibility")),
        ({"name": "acme", "visibility": "odd"}, (400, "invalidVisibility")),
        ({"name": "acme", "visibility": "private"}, (400, "organizationAlreadyExists")),
    ],
)
async def test_a_wrong_organization_is_refused(
    alice: Person, body: dict[str, str], expected: tuple[int, str]
) -> None:
    """In the reference's order."""
    await organization(alice)
    assert await alice.failure("POST", "/orgs", body) == expected


async def test_bodies_are_byte_for_byte_agolas(alice: Person) -> None:
    """As its client reads them."""
    acme = await organization(alice)
    me = await alice.get("/user")
    shown = f'{{"id":"{acme["id"]}","name":"acme","visibility":"public"}}'
    user = f'{{"id":"{me["id"]}","username":"alice"}}'
    for verb, path, body, expected in (
        ("GET", "/orgs/acme", None, shown),
        ("GET", "/orgs", None, f"[{shown}]"),
        ("GET", "/user/orgs", None, f'[{{"Organization":{shown},"Role":"owner"}}]'),
        (
            "GET",
            "/orgs/acme/members",
            None,
            f'{{"organization":{shown},"members":[{{"user":{user},"role":"owner"}}]}}',
        ),
        (
            "PUT",
            "/orgs/acme/members/alice",
            {"role": "owner"},
            f'{{"organization":{shown},"user":{user},"role":"owner"}}',
        ),
    ):
        assert await alice.as_agola(verb, path, body) == (200, expected.encode())
    absent = b'[{"code":"organizationDoesNotExist","details":null}]'
    assert await alice.as_agola("GET", "/orgs/none") == (404, absent)
    assert await alice.as_agola("DELETE", "/orgs/acme") == (204, b"")


async def test_private_organizations_are_hidden(house: House, alice: Person, bob: Person) -> None:
    """From who does not belong to them; not even their members find them in the list."""
    await organization(alice, "open")
    await organization(alice, "closed", "private")
    assert await bob.failure("GET", "/orgs/closed") == (404, "organizationDoesNotExist")
    assert await house.nobody.failure("GET", "/orgs/open") == (401, "unauthorized")
    for person in (alice, bob):
        assert [org["name"] for org in await person.get("/orgs")] == ["open"]
    assert [org["name"] for org in await house.admin.get("/orgs")] == ["closed", "open"]
    await add(alice, "bob", "member", "closed")
    assert (await bob.get("/orgs/closed"))["visibility"] == "private"
    mine = await bob.get("/user/orgs")
    assert [(one["Organization"]["name"], one["Role"]) for one in mine] == [("closed", "member")]


async def test_its_visibility_is_changed_by_owners(house: House, alice: Person, bob: Person) -> None:
    """And all that is its is hidden with it."""
    acme = await organization(alice)
    made = await project(alice, "hello", parent="org/acme")
    await add(alice, "bob", "member")
    assert await bob.failure("PUT", "/orgs/acme", {"visibility": "private"}) == (403, "forbidden")
    assert await alice.failure("PUT", "/orgs/acme", {"visibility": "odd"}) == (400, "invalidVisibility")
    assert await alice.failure("PUT", "/orgs/none", {}) == (404, "organizationDoesNotExist")
    assert (await alice.ask("PUT", "/orgs/acme", {"visibility": None})).json() == acme
    changed = await alice.ask("PUT", "/orgs/acme", {"visibility": "private"})
    assert (changed.status_code, changed.json()) == (200, acme | {"visibility": "private"})
    assert await house.nobody.failure("GET", f"/projects/{made['id']}") == (403, "forbidden")
    assert (await bob.get(f"/projects/{made['id']}"))["global_visibility"] == "private"


async def test_lists_come_in_pages(house: House, alice: Person) -> None:
    """By name, with the reference's cursor, the members' beside an answer that is no list."""
    for name in ("a", "b", "c"):
        await organization(alice, name)
        await house.admin.ask("POST", "/users", {"username": f"user-{name}"})
        await add(alice, f"user-{name}", "member", "a")
    for path, shown in (
        ("/orgs", lambda body: [org["name"] for org in body]),
        ("/user/orgs", lambda body: [one["Organization"]["name"] for one in body]),
    ):
        first = await alice.ask("GET", f"{path}?limit=2&sortdirection=desc")
        assert shown(first.json()) == ["c", "b"]
        cursor = first.headers["x-agola-cursor"]
        assert b64decode(cursor) == b'{"Start":"b","SortDirection":"desc"}'
        last = await alice.ask("GET", f"{path}?limit=2&cursor={cursor}")
        assert (shown(last.json()), last.headers["x-agola-cursor"]) == (["a"], "")
        assert await alice.failure("GET", f"{path}?limit=-1") == (400, "invalidLimit")
        assert await alice.failure("GET", f"{path}?sortdirection=odd") == (400, "invalidSortDirection")
    first = await alice.ask("GET", "/orgs/a/members?limit=3")
    assert [one["user"]["username"] for one in first.json()["members"]] == ["alice", "user-a", "user-b"]
    last = await alice.ask("GET", f"/orgs/a/members?limit=3&cursor={first.headers['x-agola-cursor']}")
    assert [one["user"]["username"] for one in last.json()["members"]] == ["user-c"]
    assert last.headers["x-agola-cursor"] == ""
    assert await alice.failure("GET", "/orgs/none/members?limit=x") == (400, "invalidLimit")
    assert await house.admin.failure("GET", "/user/orgs") == (403, "forbidden")


async def test_members_are_added_and_removed(house: House, alice: Person, bob: Person) -> None:
    """By owners, in the reference's order of checks; a role is changed in the same way."""
    await organization(alice)
    path = "/orgs/acme/members"
    assert await bob.failure("PUT", "/orgs/none/members/none", {}) == (404, "organizationDoesNotExist")
    assert await bob.failure("PUT", f"{path}/none", {}) == (404, "userDoesNotExist")
    assert await bob.failure("PUT", f"{path}/bob", {"role": "boss"}) == (403, "forbidden")
    assert await alice.failure("PUT", f"{path}/bob", {"role": "boss"}) == (400, "invalidRole")
    assert await alice.failure("PUT", f"{path}/bob", {}) == (400, "invalidRole")
    await add(alice, "bob", "member")
    assert await bob.failure("PUT", f"{path}/bob", {"role": "owner"}) == (403, "forbidden")
    await add(house.admin, "bob", "owner")
    assert (await bob.ask("DELETE", f"{path}/alice")).status_code == 204
    assert await alice.failure("DELETE", f"{path}/bob") == (403, "forbidden")
    assert await bob.failure("DELETE", f"{path}/alice") == (404, "orgMemberDoesNotExist")
    assert await bob.failure("DELETE", f"{path}/none") == (404, "userDoesNotExist")
    assert (await bob.ask("DELETE", f"{path}/bob")).status_code == 204
    assert (await bob.get(path))["members"] == []


async def test_who_is_removed_is_a_stranger_at_once(alice: Person, bob: Person) -> None:
    """With the next request, by the same token."""
    await organization(alice, visibility="private")
    made = await project(alice, "hello", parent="org/acme")
    assert await bob.failure("GET", f"/projects/{made['id']}") == (404, "organizationDoesNotExist")
    await add(alice, "bob", "member")
    assert (await bob.get(f"/projects/{made['id']}"))["name"] == "hello"
    assert await bob.failure("PUT", f"/projects/{made['id']}", {"name": "ciao"}) == (403, "forbidden")
    await add(alice, "bob", "owner")
    assert (await bob.ask("PUT", f"/projects/{made['id']}", {"name": "ciao"})).status_code == 201
    await alice.ask("DELETE", "/orgs/acme/members/bob")
    assert await bob.failure("GET", f"/projects/{made['id']}") == (404, "organizationDoesNotExist")
    assert await bob.failure("PUT", f"/projects/{made['id']}", {"name": "ciao"}) == (403, "forbidden")


CELLS = {
    ("GET", "/projects/{}"): "200/403 200/404 200 200 200",
    ("GET", "/projects/{}/runs"): "401 200/404 200 200 200",
    ("GET", "/projects/{}/runs/x"): "400/403 400/404 400 400 400",
    ("GET", "/projects/{}/runs/x/tasks/t/logs?setup"): "400/403 400/404 400 400 400",
    ("GET", "/projects/{}/secrets"): "401 200/404 200 200 200",
    ("POST", "/projects/{}/secrets"): "401 403 403 400 400",
    ("PUT", "/projects/{}"): "401 403 403 201 201",
    ("PUT", "/projects/{}/runs/x/actions"): "401 403 403 400 400",
    ("PUT", "/projects/{}/runs/x/tasks/t/actions"): "401 403 403 400 403",
    ("DELETE", "/projects/{}/runs/x/tasks/t/logs?setup"): "401 403 403 400 400",
    ("POST", "/projects/{}/createrun"): "401 403 403 400 403",
    ("DELETE", "/projects/{}"): "401 403 403 204 204",
}


@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_each_route_knows_members(
    house: House, alice: Person, bob: Person, carol: Person, visibility: str
) -> None:
    """Nobody, a stranger, a member, an owner, the admin token at a project of an organization."""
    await organization(alice)
    await add(alice, "carol", "member")
    people = (house.nobody, bob, carol, alice, house.admin)
    for (verb, path), cells in CELLS.items():
        for person, cell in zip(people, cells.split(), strict=True):
            made = await project(alice, "hello", visibility, "org/acme")
            public, _, private = cell.partition("/")
            answer = await person.ask(verb, path.format(made["id"]), {} if verb in ("PUT", "POST") else None)
            expected = private if private and visibility == "private" else public
            assert answer.status_code == int(expected), (verb, path, people.index(person), answer.text)
            await alice.ask("DELETE", f"/projects/{made['id']}")


async def test_members_act_on_runs_where_they_may(
    house: House, alice: Person, bob: Person, worker: Worker
) -> None:
    """The project says so; for a user's own there is nobody to say it of."""
    await organization(alice)
    await add(alice, "bob", "member")
    made = await project(alice, "hello", parent="org/acme")
    await house.push(made["id"], "refs/heads/main")
    path = f"/projects/{made['id']}/runs/1/actions"
    assert await bob.failure("PUT", path, {"action_type": "cancel"}) == (403, "forbidden")
    changed = await alice.ask("PUT", f"/projects/{made['id']}", {"members_can_perform_run_actions": True})
    assert changed.json()["members_can_perform_run_actions"] is True
    assert (await bob.ask("PUT", path, {"action_type": "cancel"})).status_code == 200
    refused = (400, "cannotSetMembersCanPerformRunActionsOnUserProject")
    own = await project(alice, "own")
    body = {"members_can_perform_run_actions": True}
    assert await alice.failure("PUT", f"/projects/{own['id']}", body) == refused
    assert await alice.failure("PUT", f"/projects/{made['id']}", {"parent_ref": "user/alice"}) == refused


async def test_what_moves_between_owners_is_asked_of_both(alice: Person, bob: Person) -> None:
    """Who owns only one side moves nothing."""
    await organization(alice)
    await add(alice, "bob", "member")
    mine = await project(bob, "mine")
    theirs = await project(alice, "theirs", parent="org/acme")
    into, out = {"parent_ref": "org/acme"}, {"parent_ref": "user/bob"}
    assert await bob.failure("PUT", f"/projects/{mine['id']}", into) == (403, "forbidden")
    assert await bob.failure("PUT", f"/projects/{theirs['id']}", out) == (403, "forbidden")
    assert await alice.failure("PUT", f"/projects/{theirs['id']}", out) == (403, "forbidden")
    await add(alice, "bob", "owner")
    moved = await bob.ask("PUT", f"/projects/{mine['id']}", into)
    assert (moved.status_code, moved.json()["path"]) == (201, "org/acme/mine")
    moved = await bob.ask("PUT", f"/projects/{theirs['id']}", out)
    assert (moved.status_code, moved.json()["path"]) == (201, "user/bob/theirs")


async def test_nobody_builds_in_a_foreign_organization(house: House, alice: Person, bob: Person) -> None:
    """A member reads; what is built is built by owners."""
    await organization(alice)
    await add(alice, "bob", "member")
    group = {"name": "tools", "parent_ref": "org/acme", "visibility": "public"}
    body = {"name": "x", "parent_ref": "org/acme", "visibility": "public", "remote_source_name": "builtin"}
    assert await bob.failure("POST", "/projectgroups", group) == (403, "forbidden")
    assert await bob.failure("POST", "/projects", body) == (403, "forbidden")
    assert await house.admin.failure("POST", "/projects", body) == (400, "badRequest")
    made = await alice.ask("POST", "/projectgroups", group)
    assert (made.status_code, made.json()["path"]) == (201, "org/acme/tools")
    assert (await project(alice, "x", parent="org/acme/tools"))["path"] == "org/acme/tools/x"


async def test_a_deleted_organization_takes_everything_along(
    house: House, alice: Person, bob: Person
) -> None:
    """Its repositories too, soon after; only its owners delete it."""
    await organization(alice)
    await add(alice, "bob", "member")
    made = await project(alice, "hello", parent="org/acme")
    kept = await project(alice, "kept")
    assert await bob.failure("DELETE", "/orgs/acme") == (403, "forbidden")
    answer = await alice.ask("DELETE", "/orgs/acme")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await alice.failure("GET", "/orgs/acme") == (404, "organizationDoesNotExist")
    assert await alice.failure("GET", f"/projects/{made['id']}") == (404, "projectDoesNotExist")
    assert await bob.get("/user/orgs") == []
    await house.gateway._removing.work()
    assert set(house.git.deleted) == {made["id"]}
    assert await alice.get(f"/projects/{kept['id']}") == kept


async def test_a_project_made_in_that_moment_goes_too(
    house: House, alice: Person, configstore: ConfigstoreService
) -> None:
    """What was not seen before keeps the organization until it is seen."""
    await organization(alice)
    made = [await project(alice, "first", parent="org/acme")]

    async def look() -> ProjectIds:
        seen = await configstore.projects_below("org/acme")
        if len(made) == 1:
            made.append(await project(alice, "second", parent="org/acme"))
        return seen

    async def delete(seen: ProjectIds) -> None:
        await cast("Organizations", configstore.faces()[Organizations]).delete_org("acme", seen)

    await house.gateway._removing.with_all(look, delete)
    await house.gateway._removing.work()
    assert set(house.git.deleted) == {one["id"] for one in made}
