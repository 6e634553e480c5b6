"""From a ref at a commit to its runs, whoever asked for them."""

import anyio
import pytest

from tests.conftest import Clock
from tests.services.gateway.conftest import CONFIGURATION, House, Person, hasty, pushes_of, runs_of
from tidemill.contracts.pushes import RefUpdate
from tidemill.errors import Unavailable

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"
NONE = "0" * 40


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


@pytest.mark.parametrize(
    ("body", "trigger_ref"),
    [
        ({"branch": "main"}, MAIN),
        ({"ref": MAIN}, MAIN),
        ({"tag": "v1"}, "refs/tags/v1"),
        ({"branch": "main", "commit_sha": "abababa"}, MAIN),
    ],
)
async def test_a_run_is_asked_for(
    house: House, alice: Person, hello: str, body: dict[str, str], trigger_ref: str
) -> None:
    """By branch, tag or ref; the numbers are for who sends an Accept header, Agola's client gets nothing."""
    for name in (MAIN, "refs/tags/v1"):
        house.git.commit_to(hello, name, "ab" * 20, CONFIGURATION)
    answer = await alice.ask("POST", f"/projects/{hello}/createrun", body)
    assert (answer.status_code, answer.json()) == (
        201,
        {"runs": [{"number": 1, "name": "main", "phase": "queued"}], "notes": []},
    )
    bare = await alice.ask("POST", f"/projects/{hello}/createrun", body, accept=False)
    assert (bare.status_code, bare.content) == (201, b"")
    assert bare.headers["content-type"] == "application/json"
    run = await alice.get(f"/projects/{hello}/runs/2")
    assert run["annotations"]["ref"] == trigger_ref
    assert run["annotations"]["run_creation_trigger"] == "manual"
    assert run["annotations"]["commit_sha"] == "ab" * 20


async def test_a_wrong_run_is_refused(house: House, alice: Person, hello: str) -> None:
    """With what is wrong, and no run is made."""
    house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    house.git.commit_to(hello, "refs/heads/bare", "cd" * 20, {})
    wrong: list[tuple[dict[str, str], tuple[int, str]]] = [
        ({}, (400, "badRequest")),
        ({"branch": "main", "tag": "v1"}, (400, "badRequest")),
        ({"ref": "main"}, (400, "badRequest")),
        ({"ref": "refs/pull/1/head"}, (400, "badRequest")),
        ({"branch": "nosuch"}, (404, "refDoesNotExist")),
        ({"branch": "main", "commit_sha": "fffffff"}, (404, "commitDoesNotExist")),
        ({"branch": "main", "commit_sha": "refs/heads/bare"}, (400, "badRequest")),
        ({"branch": "main", "commit_sha": "HEAD"}, (400, "badRequest")),
        ({"branch": "nosuch", "commit_sha": "ab" * 20}, (404, "refDoesNotExist")),
        ({"branch": "bare"}, (400, "noConfiguration")),
    ]
    for body, expected in wrong:
        assert await alice.failure("POST", f"/projects/{hello}/createrun", body) == expected
    assert await runs_of(alice, hello) == []


async def test_a_skipped_run_is_no_failure(house: House, alice: Person, hello: str) -> None:
    """Asking for it succeeds, and the answer says why there is none."""
    house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION, "wip [ci skip]")
    answer = await alice.ask("POST", f"/projects/{hello}/createrun", {"branch": "main"})
    assert answer.status_code == 201
    assert answer.json()["runs"] == []
    assert "[ci skip]" in answer.json()["notes"][0]


PATHS = b"runs:\n- {name: src, tasks: [], when: {paths: 'src/**'}}\n- {name: always, tasks: []}\n"


async def test_what_a_push_changes_decides_over_paths(house: House, alice: Person, hello: str) -> None:
    """The commits are compared when a `when` asks for it, for a branch that was there before."""
    old, new = "12" * 20, "34" * 20
    for number, ref in enumerate((MAIN, "refs/heads/new", "refs/tags/v1")):
        house.git.commit_to(hello, ref, new, {".tidemill/config.yml": PATHS})
        before = NONE if ref == "refs/heads/new" else old
        house.git.differences[old, new] = ("docs/a",)
        outcome = await house.gateway.pushed(house.pushing(hello, RefUpdate(ref=ref, old=before, new=new)))
        expected = ["always"] if ref == MAIN else ["src", "always"]
        assert [run.name for run in outcome.runs] == expected, ref
        assert house.git.compared == [(old, new)], number
    await alice.ask("POST", f"/projects/{hello}/createrun", {"branch": "main"})
    assert [run["name"] for run in await runs_of(alice, hello)][-2:] == ["src", "always"]
    assert house.git.compared == [(old, new)]


async def test_nobody_compares_commits_in_vain(house: House, hello: str) -> None:
    """Without `when.paths` it is not asked for."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    await house.gateway.pushed(house.pushing(hello, RefUpdate(ref=MAIN, old="cd" * 20, new=sha)))
    assert house.git.compared == []


async def test_the_event_decides(house: House, alice: Person, hello: str) -> None:
    """A push is one, and a run that somebody asks for is another."""
    files = {
        ".tidemill/config.yml": b"runs:\n"
        b"- {name: pushed, tasks: [], when: {event: push}}\n"
        b"- {name: asked, tasks: [], when: {event: manual}}\n"
    }
    outcome = await house.push(hello, MAIN, files=files)
    assert [run.name for run in outcome.runs] == ["pushed"]
    answer = await alice.ask("POST", f"/projects/{hello}/createrun", {"branch": "main"})
    assert [run["name"] for run in answer.json()["runs"]] == ["asked"]


async def test_warnings_are_told_to_who_asks(house: House, alice: Person, hello: str) -> None:
    """The pusher, a record that stays, and who asks for a run; the run is made all the same."""
    files = {".agola/config.yml": b"runs:\n- name: first\n  name: main\n  tasks: []\n  matrix: {}\n"}
    outcome = await house.push(hello, MAIN, files=files)
    assert [run.name for run in outcome.runs] == ["main"]
    (note,) = outcome.notes
    lines = note.splitlines()
    assert lines[0].startswith("warning: .agola/config.yml:3:3: the key 'name' stands in line 2 already")
    assert lines[1].startswith("warning: .agola/config.yml:5:3: ")
    (record,) = await pushes_of(alice, hello)
    assert record["refs"][0]["note"] == note
    answer = await alice.ask("POST", f"/projects/{hello}/createrun", {"branch": "main"})
    assert answer.json()["notes"] == lines


async def test_many_problems_and_warnings_are_counted(house: House, alice: Person, hello: str) -> None:
    """A run and a pusher get the first ones."""
    wrong = "runs:\n" + "- 5\n" * 30
    await house.push(hello, MAIN, files={".tidemill/config.yml": wrong.encode()})
    errors = (await alice.get(f"/projects/{hello}/runs/1"))["setup_errors"]
    assert (len(errors), errors[-1]) == (21, "and 10 more")
    odd = "runs: [{name: a, tasks: []}]\n" + "".join(f"odd{n}: 1\n" for n in range(15))
    outcome = await house.push(hello, MAIN, files={".tidemill/config.yml": odd.encode()})
    lines = outcome.notes[0].splitlines()
    assert (len(lines), lines[-1]) == (11, "warning: and 5 more")


async def test_a_gitserver_that_is_away_is_no_missing_configuration(
    house: House, alice: Person, hello: str, clock: Clock
) -> None:
    """The push is tried again, and becomes its run once the gitserver answers."""
    files = {
        ".tidemill/config.jsonnet": b"{runs: [{name: (import 'lib'), tasks: []}]}",
        ".tidemill/lib": b"'x'",
    }
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, files)
    house.git.failures[".tidemill/lib"] = [Unavailable("the gitserver is away")]
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    with anyio.fail_after(20):
        while not (await house.gateway.pushed(hasty(push))).is_complete:
            clock.advance(120)
            house.gateway._inbox._bell.ring()
    assert [run["name"] for run in await runs_of(alice, hello)] == ["x"]
    assert house.git.failures == {".tidemill/lib": []}
