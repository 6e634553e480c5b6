"""Pushes: who may, what they become, and that each becomes it once."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import anyio
import pytest

from tests.conftest import Clock
from tests.services.gateway.conftest import ADMIN_TOKEN, CONFIGURATION, House, Person, project
from tidemill.contracts.pushes import AccessRequest, Push, Pushes, RefUpdate
from tidemill.contracts.runservice import CreateRuns, NewRun, Runservice
from tidemill.contracts.values import CLONE_TOKEN, ValuesRequest
from tidemill.core.plan import Plan
from tidemill.errors import Failure, Unauthorized
from tidemill.kit.connect import connect
from tidemill.kit.contract import Call, calling
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.gateway.inbox import ATTEMPTS

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"
NONE = "0" * 40


@pytest.fixture
async def alice(house: House) -> Person:
    return await house.person("alice")


@pytest.fixture
async def hello(alice: Person) -> str:
    """The id of a public project of alice's."""
    return str((await project(alice, "hello"))["id"])


@pytest.fixture
async def secret(alice: Person) -> str:
    """The id of a private project of alice's."""
    return str((await project(alice, "secret", "private"))["id"])


async def runs_of(person: Person, project: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await person.get(f"/projects/{project}/runs?limit=0&sortdirection=asc")
    return found


async def pushes_of(person: Person, project: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get(f"/projects/{project}/pushes"))["pushes"]
    return found


ACCESS = {
    ("nobody", "hello", "read"): 200,
    ("nobody", "hello", "write"): 401,
    ("nobody", "secret", "read"): 401,
    ("nobody", "none", "read"): 401,
    ("nobody", "none", "write"): 401,
    ("wrong", "hello", "read"): 401,
    ("bob", "hello", "read"): 200,
    ("bob", "hello", "write"): 403,
    ("bob", "secret", "read"): 403,
    ("bob", "none", "read"): 404,
    ("alice", "hello", "write"): 200,
    ("alice", "secret", "write"): 200,
    ("alice", "none", "write"): 404,
    ("admin", "secret", "write"): 200,
    ("admin", "none", "read"): 404,
    ("job", "secret", "read"): 200,
    ("job", "secret", "write"): 403,
    ("job", "hello", "read"): 200,
    ("job", "hello", "write"): 403,
    ("job", "hidden", "read"): 403,
    ("job", "none", "read"): 403,
    ("old job", "secret", "read"): 401,
}


async def test_who_may_at_a_repository(
    house: House, alice: Person, hello: str, secret: str, configstore: ConfigstoreService, clock: Clock
) -> None:
    """By user token, admin token or a job's clone token; who is nobody is asked who they are."""
    scope = f"project:{secret}:{MAIN}"
    old = await configstore.resolve(ValuesRequest(scope=scope, names=(CLONE_TOKEN,)))
    clock.advance(25 * 3600)
    new = await configstore.resolve(ValuesRequest(scope=scope, names=(CLONE_TOKEN,)))
    passwords = {
        "nobody": "",
        "wrong": "f" * 40,
        "bob": (await house.person("bob")).token or "",
        "alice": alice.token or "",
        "admin": ADMIN_TOKEN,
        "job": new.values[CLONE_TOKEN],
        "old job": old.values[CLONE_TOKEN],
    }
    ids = {"hello": hello, "secret": secret}
    await project(alice, "hidden", "private")
    for (who, name, what), status in ACCESS.items():
        request = AccessRequest(
            path=f"user/alice/{name}", write=what == "write", username="x", password=passwords[who]
        )
        if status == 200:
            access = await house.gateway.access(request)
            assert access.project == ids[name]
            known = (await configstore.user(who)).id if who in ("alice", "bob") else ""
            assert access.pusher == known
            continue
        with pytest.raises(Failure) as caught:
            await house.gateway.access(request)
        assert caught.value.status == status, (who, name, what)


async def test_a_private_project_looks_like_none_to_nobody(house: House, secret: str) -> None:
    """The same words for both, but for the path."""
    said = []
    for name in ("secret", "nosuch", "a b"):
        with pytest.raises(Failure) as caught:
            await house.gateway.access(AccessRequest(path=f"user/alice/{name}", write=False))
        said.append((caught.value.code, caught.value.message.replace(name, "…")))
    assert len(set(said)) == 1


async def test_a_push_becomes_a_run(house: House, alice: Person, hello: str) -> None:
    """The pusher learns its number and its address; the annotations are the reference's."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION, "Subject\n\nbody\n")
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    outcome = await house.gateway.pushed(push)
    assert outcome.is_complete
    assert outcome.notes == ()
    (made,) = outcome.runs
    assert (made.number, made.name, made.ref) == (1, "main", MAIN)
    assert made.url == "https://ci.example/api/v1alpha/projects/user%2Falice%2Fhello/runs/1"
    run = await alice.get(f"/projects/{hello}/runs/1")
    assert run["phase"] == "queued"
    assert run["annotations"] == {
        "branch": "main",
        "branch_link": "",
        "commit_link": "",
        "commit_sha": sha,
        "compare_link": "",
        "message": "Subject\n\nbody\n",
        "projectid": hello,
        "ref": MAIN,
        "ref_type": "branch",
        "run_creation_trigger": "webhook",
        "run_type": "project",
        "webhook_event": "",
        "webhook_sender": "",
    }


async def test_a_tag_becomes_a_run(house: House, alice: Person, hello: str) -> None:
    """With the message of the reference."""
    await house.push(hello, "refs/tags/v1/rc")
    annotations = (await alice.get(f"/projects/{hello}/runs/1"))["annotations"]
    assert (annotations["tag"], annotations["tag_link"], annotations["ref_type"]) == ("v1/rc", "", "tag")
    assert annotations["message"] == "Tag v1/rc"
    assert "branch" not in annotations
    assert [run["number"] for run in await runs_of(alice, hello)] == [1]
    found = await alice.get(f"/projects/{hello}/runs?subgroup=tag/v1%252Frc")
    assert [run["number"] for run in found] == [1]


@pytest.mark.parametrize(
    ("files", "message", "note"),
    [
        (
            {},
            "change",
            "no configuration file: looked for .tidemill/config.* and .agola/config.* (star, jsonnet,",
        ),
        ({"README": b"x"}, "change", "yml, yaml)"),
        (CONFIGURATION, "change [ci skip]", "[ci skip]"),
        (
            {".agola/config.yml": b"runs: [{name: main, tasks: [], when: {branch: other}}]"},
            "change",
            "main",
        ),
    ],
)
async def test_a_push_without_runs_says_why(
    house: House, alice: Person, hello: str, files: dict[str, bytes], message: str, note: str
) -> None:
    """To the pusher, and in a record that stays."""
    outcome = await house.push(hello, MAIN, files=files, message=message)
    assert outcome.is_complete
    assert outcome.runs == ()
    assert note in outcome.notes[0]
    assert await runs_of(alice, hello) == []
    (record,) = await pushes_of(alice, hello)
    (moved,) = record["refs"]
    assert note in moved["note"]
    assert (moved["ref"], moved["state"], moved["runs"]) == (MAIN, "done", [])


async def test_a_wrong_configuration_becomes_a_run_that_says_so(
    house: House, alice: Person, hello: str
) -> None:
    """Named as in the reference, with file, line and column, and told to the pusher."""
    files = {".tidemill/config.yml": b"runs:\n  - name: main\n    tasks: 5\n"}
    outcome = await house.push(hello, MAIN, files=files)
    (made,) = outcome.runs
    assert made.name == "Setup Error"
    assert made.setup_error.startswith(".tidemill/config.yml:3:12: ")
    run = await alice.get(f"/projects/{hello}/runs/1")
    assert (run["name"], run["phase"], run["result"], run["tasks"]) == (
        "Setup Error",
        "setuperror",
        "unknown",
        {},
    )
    assert made.setup_error in run["setup_errors"]


async def test_a_configuration_that_is_too_large_is_a_wrong_one(
    house: House, alice: Person, hello: str
) -> None:
    """It becomes a run that says so."""
    await house.push(hello, MAIN, files={".tidemill/config.yml": b"#" * (1024 * 1024 + 1)})
    run = await alice.get(f"/projects/{hello}/runs/1")
    assert run["phase"] == "setuperror"
    assert "larger than" in run["setup_errors"][0]


async def test_a_push_of_many_refs(house: House, alice: Person, hello: str) -> None:
    """Each ref has its own; what is deleted or no branch is noted; all of 25 become runs."""
    refs = [f"refs/heads/b{n}" for n in range(25)]
    updates = [
        RefUpdate(ref=ref, old=NONE, new=house.git.commit_to(hello, ref, f"{n:040x}", CONFIGURATION))
        for n, ref in enumerate(refs, start=1)
    ]
    updates += [
        RefUpdate(ref="refs/heads/gone", old="a" * 40, new=NONE),
        RefUpdate(ref="refs/notes/x", old=NONE, new="b" * 40),
    ]
    outcome = await house.gateway.pushed(house.pushing(hello, *updates))
    assert outcome.is_complete
    assert sorted(run.number for run in outcome.runs) == list(range(1, 26))
    assert {run.ref for run in outcome.runs} == set(refs)
    assert set(outcome.notes) == {
        "refs/heads/gone was deleted",
        "refs/notes/x: runs are made for branches and tags only",
    }


async def test_several_runs_of_a_definition_are_made_together(
    house: House, alice: Person, hello: str
) -> None:
    """In the order of the file."""
    files = {".tidemill/config.yml": b"runs: [{name: one, tasks: []}, {name: two, tasks: []}]"}
    outcome = await house.push(hello, MAIN, files=files)
    assert [(run.number, run.name) for run in outcome.runs] == [(1, "one"), (2, "two")]


async def test_a_push_that_is_told_twice_makes_one_run(house: House, alice: Person, hello: str) -> None:
    """Also when it is told again at the same moment, and much later."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    outcomes = []

    async def tell() -> None:
        outcomes.append(await house.gateway.pushed(push))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(tell)
    await tell()
    assert len({outcome.runs for outcome in outcomes}) == 1
    assert len(await runs_of(alice, hello)) == 1
    assert len(await pushes_of(alice, hello)) == 1


async def test_work_that_was_torn_makes_one_run(
    house: House, alice: Person, hello: str, runservice: Runservice
) -> None:
    """A ref that was triggered and not recorded, as in a crash, is triggered again with its key."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    await runservice.create_runs(
        CreateRuns(
            key=f"{push.id}/{MAIN}",
            group=f"/project/{hello}/branch/main",
            runs=(NewRun(name="main", plan=Plan(name="main")),),
        )
    )
    outcome = await house.gateway.pushed(push)
    assert [run.number for run in outcome.runs] == [1]
    assert len(await runs_of(alice, hello)) == 1


async def test_a_push_outlives_a_gitserver_that_is_away(
    house: House, alice: Person, hello: str, clock: Clock
) -> None:
    """The pusher is told; others go on; it becomes a run when the gitserver is back."""
    other = str((await project(alice, "other"))["id"])
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    house.git.is_away = True
    (waiting,) = (await house.gateway.pushed(_hasty(push))).notes
    assert "still working on it" in waiting
    with anyio.fail_after(10):
        while not (moved := (await pushes_of(alice, hello))[0]["refs"][0])["note"]:
            await house.gateway.pushed(_hasty(push))
    assert moved["state"] == "pending"
    assert "the gitserver is away; trying again" in moved["note"]
    house.git.is_away = False
    assert [run.number for run in (await house.push(other, MAIN)).runs] == [1]
    assert await runs_of(alice, hello) == []
    clock.advance(120)
    house.gateway._inbox._bell.ring()
    assert [run.number for run in (await house.gateway.pushed(push)).runs] == [1]


async def test_a_ref_that_cannot_be_worked_on_is_set_aside(
    house: House, alice: Person, hello: str, clock: Clock
) -> None:
    """After some attempts, visibly; the next push to the same ref goes on."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    del house.git.contents[sha]  # the script's own KeyError: a bug, as far as the inbox can see
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    with anyio.fail_after(20):
        while not (outcome := await house.gateway.pushed(_hasty(push))).is_complete:
            clock.advance(120)
            house.gateway._inbox._bell.ring()
    assert "no run was made: internal error" in outcome.notes[0]
    (moved,) = (await pushes_of(alice, hello))[0]["refs"]
    assert moved["state"] == "failed"
    assert ATTEMPTS > 1
    assert [run.number for run in (await house.push(hello, MAIN)).runs] == [1]


async def test_a_push_to_a_project_that_is_gone_is_over(house: House, alice: Person, hello: str) -> None:
    """It says so instead of trying for ever."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    await alice.ask("DELETE", f"/projects/{hello}")
    outcome = await house.gateway.pushed(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha)))
    assert outcome.is_complete
    assert "does not exist" in outcome.notes[0]


async def test_pushes_to_one_ref_become_runs_in_their_order(house: House, alice: Person, hello: str) -> None:
    """However many are waiting, and however long the first one takes."""
    shas = [house.git.commit_to(hello, MAIN, f"{n:040x}", CONFIGURATION) for n in range(1, 11)]
    for sha in shas:
        await house.gateway.pushed(_hasty(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))))
    await house.push(hello, MAIN)
    made = [run["annotations"]["commit_sha"] for run in await runs_of(alice, hello)]
    assert made[:10] == shas


async def test_fifty_pushes_at_once_to_five_projects(house: House, alice: Person) -> None:
    """Fifty runs, numbered without gaps in each project, none twice."""
    projects = [str((await project(alice, f"p{n}"))["id"]) for n in range(5)]
    outcomes = []

    async def push(id: str, branch: int) -> None:
        outcomes.append(await house.push(id, f"refs/heads/branch{branch}"))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for branch in range(10):
                for one in projects:
                    group.start_soon(push, one, branch)
    assert all(outcome.is_complete and len(outcome.runs) == 1 for outcome in outcomes)
    for one in projects:
        runs = await runs_of(alice, one)
        assert [run["number"] for run in runs] == list(range(1, 11))
        assert len({run["annotations"]["branch"] for run in runs}) == 10


async def test_a_gitserver_elsewhere_is_answered_the_same(house: House, alice: Person, hello: str) -> None:
    """Over HTTP it gets the same leave, the same errors and the same outcome."""
    pushes = connect(Pushes, house.nobody._http, "/internal/gateway")
    leave = AccessRequest(path="user/alice/hello", write=True, password=alice.token or "")
    assert await pushes.access(leave) == await house.gateway.access(leave)
    with pytest.raises(Unauthorized, match="the password is a user token"):
        await pushes.access(AccessRequest(path="user/alice/hello", write=True))
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    outcome = await pushes.pushed(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha)))
    assert [run.number for run in outcome.runs] == [1]


async def test_a_hasty_pusher_does_not_wait(house: House, hello: str) -> None:
    """Without a wait the answer is what is known now."""
    house.git.is_away = True
    with anyio.fail_after(5):
        outcome = await house.gateway.pushed(
            _hasty(house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new="a" * 40)))
        )
    assert not outcome.is_complete


async def test_records_of_pushes_are_newest_first(house: House, alice: Person, hello: str) -> None:
    """As many as asked for."""
    for n in range(4):
        await house.push(hello, f"refs/heads/b{n}", files={})
    shown = (await alice.get(f"/projects/{hello}/pushes?limit=3"))["pushes"]
    assert [record["refs"][0]["ref"] for record in shown] == [f"refs/heads/b{n}" for n in (3, 2, 1)]
    assert list(shown[0]) == ["id", "pusher", "received_at", "refs"]


@pytest.fixture(autouse=True)
async def _in_a_call() -> AsyncIterator[None]:
    """As a carrier calls."""
    with calling(Call(request_id=str(uuid4()))):
        yield


def _hasty(push: Push) -> Push:
    return Push(
        id=push.id,
        project=push.project,
        pusher=push.pusher,
        updates=push.updates,
        received_at=push.received_at,
        wait=0,
    )
