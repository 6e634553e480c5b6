"""Pushes explained: each ref with its runs, or why it has none, as a code, a sentence and the evidence."""

from typing import Any

import pytest

from tests.services.gateway.conftest import CONFIGURATION, House, Person, hasty, project, pushes_of
from tidemill.contracts.pushes import RefUpdate

pytestmark = pytest.mark.anyio

MAIN = "refs/heads/main"
NONE = "0" * 40
ONE_OF_TWO = {
    ".tidemill/config.yml": b"""
runs:
  - {name: made, tasks: []}
  - {name: other, tasks: [], when: {branch: other}}
"""
}


async def explained(person: Person, project: str) -> dict[str, Any]:
    """The newest push, explained."""
    newest = (await pushes_of(person, project))[0]
    found: dict[str, Any] = await person.get(f"/projects/{project}/pushes/{newest['id']}/explain")
    assert {key: found[key] for key in ("id", "pusher", "received_at")} == {
        key: newest[key] for key in ("id", "pusher", "received_at")
    }
    return found


async def reason(person: Person, project: str) -> tuple[str, str, dict[str, str]]:
    """Why the one ref of the newest push is as it is."""
    (moved,) = (await explained(person, project))["refs"]
    found = moved["explanation"]
    return found["code"], found["sentence"], found["evidence"]


@pytest.mark.parametrize(
    ("files", "message", "because"),
    [
        ({}, "change", ("no_configuration", "no configuration file: looked for .tidemill/config.* and")),
        (CONFIGURATION, "x [ci skip]", ("skip_mark", "no run was made: the commit's message says [ci skip]")),
        (
            {".agola/config.yml": b"runs: [{name: main, tasks: [], when: {branch: other}}]"},
            "change",
            ("not_matched", "no run of its configuration is meant for it: run 'main' was not made: "),
        ),
    ],
)
async def test_a_push_without_runs(
    house: House, alice: Person, hello: str, files: dict[str, bytes], message: str, because: tuple[str, str]
) -> None:
    """Nothing to look at, nothing wanted, nothing meant."""
    await house.push(hello, MAIN, files=files, message=message)
    found = await reason(alice, hello)
    code, sentence = because
    assert (found[0], found[2]) == (code, {})
    assert found[1].startswith(sentence)
    (moved,) = (await pushes_of(alice, hello))[0]["refs"]
    assert moved["code"] == code


async def test_a_push_with_runs(house: House, alice: Person, hello: str) -> None:
    """Which they are; runs of the configuration that were not made are told beside them."""
    await house.push(hello, MAIN, files=ONE_OF_TWO)
    code, sentence, evidence = await reason(alice, hello)
    assert (code, sentence) == ("runs_made", "made #1 made")
    assert evidence["runs"] == "1"
    assert evidence["not_made"].startswith("run 'other' was not made: ")


async def test_a_wrong_configuration(house: House, alice: Person, hello: str) -> None:
    """The run that tells of it, and the place."""
    await house.push(hello, MAIN, files={".tidemill/config.yml": b"runs:\n  - name: main\n    tasks: 5\n"})
    code, sentence, evidence = await reason(alice, hello)
    assert code == "setup_error"
    assert sentence.startswith("its configuration is wrong, which run #1 tells: .tidemill/config.yml:3:12: ")
    assert evidence == {"runs": "1", "place": ".tidemill/config.yml:3:12"}


async def test_refs_that_make_no_runs(house: House, alice: Person, hello: str) -> None:
    """Each ref of a push is explained for itself."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(
        hello,
        RefUpdate(ref="refs/heads/old", old=sha, new=NONE),
        RefUpdate(ref="refs/notes/x", old=NONE, new=sha),
        RefUpdate(ref="refs/heads/lost", old=NONE, new="cd" * 20),
        RefUpdate(ref=MAIN, old=NONE, new=sha),
    )
    await house.gateway.pushed(push)
    refs = (await explained(alice, hello))["refs"]
    assert [moved["explanation"]["code"] for moved in refs] == [
        "ref_deleted",
        "other_ref",
        "commit_gone",
        "runs_made",
    ]
    assert [moved["runs"] for moved in refs] == [[], [], [], [1]]


async def test_a_push_that_is_still_worked_on(house: House, alice: Person, hello: str) -> None:
    """Which part is away, and when it is tried again."""
    sha = house.git.commit_to(hello, MAIN, "ab" * 20, CONFIGURATION)
    push = house.pushing(hello, RefUpdate(ref=MAIN, old=NONE, new=sha))
    house.git.is_away = True
    await house.gateway.pushed(hasty(push))
    while (found := await reason(alice, hello))[0] == "pending":
        await house.gateway.pushed(hasty(push))
    code, sentence, evidence = found
    assert (code, evidence) == ("retrying", {"attempts": "1"})
    assert sentence.startswith("waiting: it is tried again ")
    assert sentence.endswith("the gitserver is away")


async def test_who_may_ask(house: House, alice: Person) -> None:
    """Who may list the runs."""
    hidden = str((await project(alice, "hidden", "private"))["id"])
    await house.push(hidden, MAIN)
    (push,) = await pushes_of(alice, hidden)
    path = f"/projects/{hidden}/pushes/{push['id']}/explain"
    assert (await house.admin.ask("GET", path)).status_code == 200
    assert await (await house.person("bob")).failure("GET", path) == (403, "forbidden")
    assert await house.nobody.failure("GET", path) == (401, "unauthorized")
    other = f"/projects/{hidden}/pushes/none/explain"
    assert await alice.failure("GET", other) == (404, "pushDoesNotExist")
