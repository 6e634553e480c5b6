"""Project groups and projects through the public API: shapes, permissions, the order of checks."""

from pathlib import Path

import anyio
import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person, project, ref
from tests.services.gateway.worker import Worker
from tidemill.contracts.runservice import RunQuery
from tidemill.services.runservice.service import RunserviceService

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored here is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


NOBODY = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
ALICE = ref("user/alice")


@pytest.fixture
async def bob(house: House) -> Person:
    return await house.person("bob")


async def test_a_project_is_made_in_ones_own_group(house: House, alice: Person) -> None:
    """Its answer leaves out what is empty; it is found by id and by path, which is one segment."""
    made = await project(alice, "hello")
    assert list(made) == ["id", "name", "path", "parent_path", "visibility", "global_visibility"]
    assert (made["path"], made["parent_path"]) == ("user/alice/hello", "user/alice")
    assert await alice.get(f"/projects/{made['id']}") == made
    assert await house.nobody.get("/projects/user%2Falice%2Fhello") == made
    assert await house.nobody.get("/projects/user%2falice%2Fhello") == made


async def test_the_default_branch_is_the_repositorys(house: House, alice: Person) -> None:
    """As soon as there is one."""
    made = await project(alice, "hello")
    house.git.commit_to(made["id"], "refs/heads/main", "a" * 40, {})
    assert (await alice.get(f"/projects/{made['id']}"))["default_branch"] == "main"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "x", "parent_ref": "user/none"}, (404, "parentProjectGroupDoesNotExist")),
        ({"name": "x", "parent_ref": NOBODY}, (404, "parentProjectGroupDoesNotExist")),
        ({"name": "x", "parent_ref": "org/acme"}, (404, "parentProjectGroupDoesNotExist")),
        ({"name": "x", "parent_ref": "team/x"}, (400, "invalidPath")),
        ({"name": "a_b", "parent_ref": "user/bob"}, (403, "forbidden")),
        ({"name": "a_b"}, (400, "invalidProjectName")),
        ({"name": "x"}, (400, "invalidRemoteSourceName")),
        ({"name": "x", "remote_source_name": "none"}, (400, "invalidRepoPath")),
        ({"name": "taken", "remote_source_name": "builtin"}, (400, "projectAlreadyExists")),
        ({"name": "x", "remote_source_name": "none", "repo_path": "a/b"}, (404, "remoteSourceDoesNotExist")),
        ({"name": "x", "remote_source_name": "builtin"}, (400, "badRequest")),
        (
            {
                "name": "x",
                "remote_source_name": "builtin",
                "visibility": "public",
                "members_can_perform_run_actions": True,
            },
            (400, "cannotSetMembersCanPerformRunActionsOnUserProject"),
        ),
    ],
)
async def test_a_wrong_project_is_refused(
    alice: Person, bob: Person, body: dict[str, object], expected: tuple[int, str]
) -> None:
    """In the reference's order."""
    await project(alice, "taken")
    assert await alice.failure("POST", "/projects", body) == expected


async def test_a_group_is_made_and_walked(house: House, alice: Person, bob: Person) -> None:
    """Children are shown to those who may see them."""
    body = {"name": "tools", "parent_ref": "user/alice", "visibility": "public"}
    made = await alice.ask("POST", "/projectgroups", body)
    assert made.status_code == 201
    assert list(made.json()) == ["id", "name", "path", "parent_path", "visibility", "global_visibility"]
    await alice.ask("POST", "/projectgroups", {"name": "secret", "visibility": "private"})
    await project(alice, "open", parent="user/alice/tools")
    await project(alice, "closed", "private", parent="user/alice/tools")
    await project(alice, "hidden", "public", parent="user/alice/secret")

    async def seen(person: Person, path: str, what: str) -> list[str]:
        return [child["name"] for child in await person.get(f"/projectgroups/{ref(path)}/{what}")]

    assert await seen(alice, "user/alice", "subgroups") == ["secret", "tools"]
    assert await seen(bob, "user/alice", "subgroups") == ["tools"]
    assert await seen(house.admin, "user/alice/tools", "projects") == ["closed", "open"]
    assert await seen(bob, "user/alice/tools", "projects") == ["open"]
    secret = ref("user/alice/secret")
    assert await bob.failure("GET", f"/projectgroups/{secret}") == (403, "forbidden")
    assert await bob.failure("GET", f"/projectgroups/{secret}/projects") == (403, "forbidden")
    assert await house.nobody.failure("GET", f"/projectgroups/{ALICE}") == (401, "unauthorized")
    root = await bob.get(f"/projectgroups/{ALICE}")
    assert (root["name"], root["path"], root["parent_path"]) == ("", "user/alice", "user/alice")
    assert (await alice.get(f"/projects/{ref('user/alice/secret/hidden')}"))["global_visibility"] == "private"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "a_b", "parent_ref": "user/none"}, (400, "invalidProjectName")),
        ({"name": "x", "parent_ref": "user/none"}, (404, "parentProjectGroupDoesNotExist")),
        ({"name": "x", "parent_ref": "user/bob", "visibility": "odd"}, (403, "forbidden")),
        ({"name": "tools", "visibility": "odd"}, (400, "invalidVisibility")),
        ({"name": "tools", "visibility": "public"}, (400, "projectGroupAlreadyExists")),
    ],
)
async def test_a_wrong_group_is_refused(
    alice: Person, bob: Person, body: dict[str, object], expected: tuple[int, str]
) -> None:
    """In the reference's order; without a parent it goes into one's own root group."""
    made = await alice.ask("POST", "/projectgroups", {"name": "tools", "visibility": "public"})
    assert made.json()["path"] == "user/alice/tools"
    assert await alice.failure("POST", "/projectgroups", body) == expected


async def test_the_admin_token_owns_nothing(house: House, alice: Person) -> None:
    """It cannot create where a user is needed, and the statuses are the reference's."""
    assert await house.admin.failure("POST", "/projects", {"name": "x", "parent_ref": "user/alice"}) == (
        400,
        "badRequest",
    )
    assert await house.admin.failure("POST", "/projectgroups", {"name": "x", "parent_ref": "user/alice"}) == (
        403,
        "forbidden",
    )


async def test_a_project_is_changed(house: House, alice: Person) -> None:
    """201 as the reference has it; null and absent leave as it is; the old path is gone."""
    made = await project(alice, "hello", "private")
    path = f"/projects/{made['id']}"
    body = {"name": "ciao", "visibility": None, "pass_vars_to_forked_pr": True}
    answer = await alice.ask("PUT", path, body)
    assert answer.status_code == 201
    assert answer.json() == made | {"name": "ciao", "path": "user/alice/ciao", "pass_vars_to_forked_pr": True}
    assert await alice.failure("GET", f"/projects/{ref('user/alice/hello')}") == (404, "projectDoesNotExist")
    assert await alice.failure("PUT", path, {"name": "a_b", "visibility": "odd"}) == (
        400,
        "invalidProjectName",
    )
    assert await alice.failure("PUT", path, {"visibility": "odd", "parent_ref": "user/none"}) == (
        400,
        "badRequest",
    )
    assert await alice.failure("PUT", path, {"parent_ref": "user/none"}) == (
        404,
        "parentProjectGroupDoesNotExist",
    )
    assert (await house.admin.ask("PUT", path, {"visibility": "public"})).status_code == 201


async def test_a_project_is_not_moved_into_somebody_elses_group(alice: Person, bob: Person) -> None:
    """The destination has an owner too."""
    made = await project(alice, "hello")
    assert await alice.failure("PUT", f"/projects/{made['id']}", {"parent_ref": "user/bob"}) == (
        403,
        "forbidden",
    )


async def test_a_deleted_project_takes_its_repository_along(house: House, alice: Person) -> None:
    """Soon after, and again and again while the gitserver is away."""
    made = await project(alice, "hello")
    kept = await project(alice, "kept")
    house.git.is_away = True
    answer = await alice.ask("DELETE", f"/projects/{ref('user/alice/hello')}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await alice.failure("DELETE", f"/projects/{made['id']}") == (404, "projectDoesNotExist")
    await house.gateway._removing.work()
    house.git.is_away = False
    await house.gateway._removing.work()
    assert set(house.git.deleted) == {made["id"]}
    assert await alice.get(f"/projects/{kept['id']}") == kept


async def test_a_deleted_project_ends_its_runs(
    house: House, alice: Person, hello: str, worker: Worker, runservice: RunserviceService
) -> None:
    """What runs is stopped and what waits is cancelled, since nobody could do it later; others go on."""
    kept = str((await project(alice, "kept"))["id"])
    await house.push(hello, "refs/heads/main")
    await worker.start_all()
    await worker.begin()
    for owner in (hello, kept):
        await house.push(owner, "refs/heads/main")
    assert (await alice.ask("DELETE", f"/projects/{hello}")).status_code == 204
    await house.gateway._removing.work()
    (other, waiting, begun) = (await runservice.runs(RunQuery(limit=0))).items
    assert (other.phase, other.group) == ("queued", f"/project/{kept}/branch/main")
    assert (waiting.phase, waiting.reason) == ("cancelled", "the project was deleted")
    assert (begun.stopping, begun.reason) == (True, "the project was deleted")


async def test_a_deletion_that_failed_removes_no_repository(house: House, alice: Person) -> None:
    """What was written down before is forgotten when the project is still there."""
    made = await project(alice, "hello")
    with pytest.raises(RuntimeError):
        async with house.gateway._removing.of([made["id"]]):
            raise RuntimeError("the configstore died")
    house.gateway._removing._clock.advance(3600)  # type: ignore[attr-defined]
    await house.gateway._removing.work()
    assert house.git.deleted == []


CELLS = {
    ("GET", "/projects/{}"): "200/403 200/403 200 200",
    ("GET", "/projects/{}/runs/x"): "400/403 400/403 400 400",
    ("GET", "/projects/{}/runs/x/follow"): "400/403 400/403 400 400",
    ("GET", "/projects/{}/runs/x/tasks/t"): "400/403 400/403 400 400",
    ("GET", "/projects/{}/runs/x/tasks/t/logs?setup"): "400/403 400/403 400 400",
    ("GET", "/projects/{}/pushes"): "401 200/403 200 200",
    ("PUT", "/projects/{}"): "401 403 201 201",
    ("PUT", "/projects/{}/runs/x/actions"): "401 403 400 400",
    ("PUT", "/projects/{}/runs/x/tasks/t/actions"): "401 403 400 403",
    ("POST", "/projects/{}/createrun"): "401 403 400 403",
    ("DELETE", "/projects/{}"): "401 403 204 204",
}


@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("route", CELLS, ids=" ".join)
async def test_each_route_asks_its_permission(
    house: House, alice: Person, bob: Person, route: tuple[str, str], visibility: str
) -> None:
    """Nobody, a stranger, the owner, the admin token: what each is answered by a route of a project."""
    verb, path = route
    for person, cell in zip((house.nobody, bob, alice, house.admin), CELLS[route].split(), strict=True):
        made = await project(alice, "hello", visibility)
        public, _, private = cell.partition("/")
        answer = await person.ask(verb, path.format(made["id"]), {} if verb in ("PUT", "POST") else None)
        expected = private if private and visibility == "private" else public
        assert answer.status_code == int(expected), (person.token, answer.text)
        await alice.ask("DELETE", f"/projects/{made['id']}")


async def test_escapes_in_references(house: House, alice: Person) -> None:
    """A malformed one is 400, an unescaped slash is another route, a NUL is nothing."""
    await project(alice, "hello")
    assert await alice.as_agola("GET", "/projects/user%2Falice%2Fhello%zz") == (400, b"[]")
    assert await alice.as_agola("GET", "/projects/user/alice/hello") == (404, b"\n")
    assert await alice.as_agola("GET", "/projects/user%2Falice%2F%00") == (400, b"[]")
    assert await alice.as_agola("GET", "/projects/hello") == (
        404,
        b'[{"code":"projectDoesNotExist","details":null}]',
    )
    assert await alice.as_agola("GET", "/projects/user%252Falice%252Fhello") == (
        404,
        b'[{"code":"projectDoesNotExist","details":null}]',
    )


async def test_many_projects_at_once(alice: Person) -> None:
    """Of ten of one name one is made."""
    statuses = []

    async def create() -> None:
        body = {"name": "hello", "visibility": "public", "remote_source_name": "builtin"}
        statuses.append((await alice.ask("POST", "/projects", body)).status_code)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(create)
    assert sorted(statuses) == [201] + [400] * 9
