"""Direct runs asked for: what is refused and in which order, what is made, who may at their repositories."""

from typing import Any, cast
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.services.gateway.conftest import CONFIGURATION, House, Person
from tidemill.contracts.direct_runs import DirectAccessRequest, DirectRepositories
from tidemill.contracts.runservice import RunQuery
from tidemill.contracts.values import CLONE_TOKEN, ValuesRequest
from tidemill.core.refs import user_group
from tidemill.errors import Failure
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.runservice.service import RunserviceService
from tidemill.settings import GatewaySettings

pytestmark = pytest.mark.anyio

UUID = "11111111-2222-4333-8444-555555555555"
SHA = "a" * 40
PATH = "/user/createrun"


async def asked(house: House, person: Person, files: dict[str, bytes] = CONFIGURATION) -> dict[str, Any]:
    """A request that is right, of a commit that was pushed."""
    user = (await person.get("/user"))["id"]
    house.git.commit_to(f"{user}.{UUID}", "refs/heads/master", SHA, files)
    return {
        "repo_uuid": UUID,
        "repo_path": f"{user}/{UUID}",
        "branch": "master",
        "commit_sha": SHA,
        "message": "agola direct run",
        "pull_request_ref_regexes": [r"refs/pull/(\d+)/head"],
    }


async def test_a_direct_run_is_made(house: House, alice: Person, runservice: RunserviceService) -> None:
    """201 without a body for Agola's client; group, caches, annotations and address are those of user runs."""
    body = await asked(house, alice)
    assert await alice.as_agola("POST", PATH, body) == (201, b"")
    user = (await alice.get("/user"))["id"]
    (run,) = await alice.get("/users/alice/runs")
    assert run["annotations"] == {
        "run_type": "user",
        "userid": user,
        "ref_type": "branch",
        "run_creation_trigger": "manual",
        "webhook_event": "",
        "webhook_sender": "",
        "commit_sha": SHA,
        "ref": "refs/heads/master",
        "message": "agola direct run",
        "commit_link": "",
        "compare_link": "",
        "branch": "master",
        "branch_link": "",
    }
    (stored,) = (await runservice.runs(RunQuery(group=user_group(user)))).items
    assert stored.group == f"/user/{user}/branch/master"
    plan = (await runservice.run(stored.id)).plan
    assert plan is not None
    assert plan.caches == (f"/user/{user}/{UUID}",)
    assert house.git.kept == [(f"{user}.{UUID}", SHA)]
    made = await alice.ask("POST", PATH, body | {"branch": "", "ref": "refs/pull/7/head"})
    assert made.json() == {"runs": [{"number": 2, "name": "main", "phase": "queued"}], "notes": []}
    (run, _) = await alice.get("/users/alice/runs")
    assert (run["annotations"]["pull_request_id"], run["annotations"]["ref_type"]) == ("7", "pull_request")


WRONG: list[tuple[dict[str, Any], int]] = [
    ({"pull_request_ref_regexes": ["("], "repo_uuid": ""}, 400),
    ({"pull_request_ref_regexes": ["no group"]}, 400),
    ({"pull_request_ref_regexes": ["(a)"] * 21}, 400),
    ({"repo_uuid": "", "repo_path": ""}, 400),
    ({"repo_path": "x", "branch": ""}, 400),
    ({"repo_path": "a/b/c", "branch": ""}, 400),
    ({"repo_path": f"{uuid4()}/{UUID}", "branch": ""}, 401),
    ({"repo_uuid": "../x"}, 400),
    ({"branch": ""}, 400),
    ({"tag": "v1"}, 400),
    ({"branch": "", "ref": "refs/other/1"}, 400),
    ({"branch": "", "ref": "refs/heads/"}, 400),
    ({"branch": "a..b"}, 400),
    ({"commit_sha": ""}, 400),
    ({"message": ""}, 400),
    ({"commit_sha": "master"}, 400),
    ({"key": "a key"}, 400),
    ({"commit_sha": "b" * 40}, 404),
    ({"variables": {"large": "x" * 70_000}}, 400),
]


async def test_what_is_wrong_is_refused(house: House, alice: Person) -> None:
    """With the reference's status where clients may depend on it, and nothing is made."""
    right = await asked(house, alice)
    for wrong, status in WRONG:
        answer = await alice.ask("POST", PATH, right | wrong)
        assert (answer.status_code, bool(answer.json()[0]["message"])) == (status, True), wrong
        if "commit_sha" not in wrong and "variables" not in wrong and "pull_request" not in str(wrong):
            assert await alice.as_agola("POST", PATH, right | wrong) == (status, b"[]"), wrong
    assert await house.admin.as_agola("POST", PATH, right) == (403, b"[]")
    assert await house.nobody.as_agola("POST", PATH, right) == (401, b"[]")
    assert await (await house.person("bob")).as_agola("POST", PATH, right) == (401, b"[]")
    house.git.commit_to(right["repo_path"].replace("/", "."), "refs/heads/x", "c" * 40, {})
    assert await alice.failure("POST", PATH, right | {"commit_sha": "c" * 40}) == (400, "noConfiguration")
    assert await alice.get("/users/alice/runs") == []


async def test_asking_again_makes_nothing_new(house: House, alice: Person) -> None:
    """With the same key; without one, or with another, it is another run. A key is one user's alone."""
    body = await asked(house, alice)
    for key, count in (("k", 1), ("k", 1), ("", 2), ("", 3), ("l", 4)):
        assert (await alice.ask("POST", PATH, body | {"key": key})).status_code == 201
        assert len(await alice.get("/users/alice/runs")) == count
    bob = await house.person("bob")
    assert (await bob.ask("POST", PATH, await asked(house, bob) | {"key": "k"})).status_code == 201
    assert len(await bob.get("/users/bob/runs")) == 1


async def test_variables_are_for_the_runs_jobs(
    house: House, alice: Person, runservice: RunserviceService, configstore: ConfigstoreService
) -> None:
    """Sealed in the scope; nothing that is stored or shown has their values, and no other place opens them."""
    body = await asked(house, alice) | {"variables": {"level": "a-secret-value", "other": "x"}}
    assert (await alice.ask("POST", PATH, body)).status_code == 201
    user = (await alice.get("/user"))["id"]
    (run,) = (await runservice.runs(RunQuery(group=user_group(user)))).items
    assert "a-secret-value" not in repr(await runservice.run(run.id))
    request = ValuesRequest(scope=run.scope, names=("level", "unknown"))
    assert (await configstore.resolve(request)).values == {"level": "a-secret-value"}
    moved = replace(request, scope=run.scope.replace(UUID, "elsewhere"))
    with pytest.raises(Failure, match="does not open"):
        await configstore.resolve(moved)
    await house.admin.ask("DELETE", "/users/alice")
    assert (await configstore.resolve(replace(request, names=("level", CLONE_TOKEN)))).values == {}


async def test_who_may_at_a_repository(
    house: House, alice: Person, configstore: ConfigstoreService, runservice: RunserviceService
) -> None:
    """Its user and administrators, its runs' jobs to read it; nobody else, also not neighbours."""
    user = (await alice.get("/user"))["id"]
    bob = await house.person("bob")
    await alice.ask("POST", PATH, await asked(house, alice))
    (run,) = (await runservice.runs(RunQuery(group=user_group(user)))).items
    request = ValuesRequest(scope=run.scope, names=(CLONE_TOKEN,))
    job = (await configstore.resolve(request)).values[CLONE_TOKEN]
    door = cast("DirectRepositories", house.gateway.faces()[DirectRepositories])

    async def status(password: str | None, *, write: bool, name: str = UUID, of: str = user) -> int:
        wanted = DirectAccessRequest(
            repository=f"{of}.{name}", write=write, password=password or "", is_local=True
        )
        try:
            await door.direct_access(wanted)
        except Failure as error:
            return error.status
        return 200

    for write in (True, False):
        assert await status(alice.token, write=write) == 200
        assert await status(house.admin.token, write=write) == 200
        assert await status(house.admin.token, write=write, of=str(uuid4())) == 404
        assert await status(bob.token, write=write) == 403
        assert await status("unknown", write=write) == 401
        assert await status("", write=write) == 401
        assert await status("tmclone_forged.x", write=write) == 401
        assert await status(job, write=write) == (403 if write else 200)
        assert await status(job, write=write, name="another") == 403
        assert await status(alice.token, write=write, name="../x") == 400
    await house.admin.ask("PUT", "/users/alice/disabled", {"disabled": True})
    assert await status(alice.token, write=True) == 401, "disabled"
    assert await status(job, write=False) == 200, "runs that go on go on"
    await house.admin.ask("PUT", "/users/alice/disabled", {"disabled": False})
    used = await door.direct_use(user)
    assert (used.is_known, used.commits) == (True, (SHA,))
    await alice.ask("PUT", "/users/alice/runs/1/actions", {"action_type": "cancel"})
    assert (await door.direct_use(user)).commits == ()
    assert not (await door.direct_use(str(uuid4()))).is_known


class TestOpenToNeighbours:
    """With the setting that Agola's own client needs."""

    @pytest.fixture
    def settings(self) -> GatewaySettings:
        return GatewaySettings(anonymous_direct_runs=True)

    async def test_neighbours_need_no_token(self, house: House, alice: Person) -> None:
        """Those on the server's machine, at repositories of users who exist; a wrong token stays wrong."""
        user = (await alice.get("/user"))["id"]
        door = cast("DirectRepositories", house.gateway.faces()[DirectRepositories])
        neighbour = DirectAccessRequest(repository=f"{user}.{UUID}", write=True, is_local=True)
        assert (await door.direct_access(neighbour)).project == f"{user}.{UUID}"
        for stranger, status in (
            (replace(neighbour, is_local=False), 401),
            (replace(neighbour, password="wrong"), 401),
            (replace(neighbour, repository=f"{uuid4()}.{UUID}"), 404),
        ):
            with pytest.raises(Failure) as refused:
                await door.direct_access(stranger)
            assert refused.value.status == status
