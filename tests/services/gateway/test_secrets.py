"""Secrets and variables through the public API: shapes, permissions, the order of checks."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.conftest import House, Person, project, ref, runs_of
from tests.services.gateway.worker import Worker

pytestmark = pytest.mark.anyio

VALUE = "hunter2-is-the-value"
NOBODY = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
ROOT = f"/projectgroups/{ref('user/alice')}"
TOOLS = f"/projectgroups/{ref('user/alice/tools')}"
HELLO = f"/projects/{ref('user/alice/tools/hello')}"
MAIN = {"branch": {"include": [{"type": "simple", "match": "main"}]}}


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: what is stored here is the configstore's business, which is tested on both engines."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


@pytest.fixture
async def bob(house: House) -> Person:
    return await house.person("bob")


@pytest.fixture
async def hello(alice: Person) -> str:
    """The id of a private project in a group of alice's."""
    body = {"name": "tools", "parent_ref": "user/alice", "visibility": "public"}
    assert (await alice.ask("POST", "/projectgroups", body)).status_code == 201
    return str((await project(alice, "hello", "private", "user/alice/tools"))["id"])


def secret(name: str = "s", **data: str) -> dict[str, Any]:
    return {"name": name, "type": "internal", "data": data or {"k": VALUE}}


def variable(name: str = "v", when: Any = None, secret: str = "s") -> dict[str, Any]:
    return {"name": name, "values": [{"secret_name": secret, "secret_var": "k", "when": when}]}


async def made(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await person.ask("POST", path, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_secret_is_made_listed_changed_and_deleted(alice: Person, hello: str) -> None:
    """Its value is in no answer; `parent_path` is filled in lists alone."""
    first = await made(alice, f"{HELLO}/secrets", secret("s", k=VALUE))
    assert first == {"id": first["id"], "name": "s", "parent_path": ""}
    await made(alice, f"{TOOLS}/secrets", secret("s"))
    top = await made(alice, f"{ROOT}/secrets", secret("top"))
    own = [{"id": first["id"], "name": "s", "parent_path": "user/alice/tools/hello"}]
    assert await alice.get(f"{HELLO}/secrets") == own
    assert await alice.get(f"/projects/{hello}/secrets") == own
    everything = await alice.get(f"{HELLO}/secrets?tree")
    assert [one["parent_path"] for one in everything] == [
        "user/alice/tools/hello",
        "user/alice/tools",
        "user/alice",
    ]
    above = {"id": top["id"], "name": "top", "parent_path": "user/alice"}
    assert await alice.get(f"{HELLO}/secrets?tree=&removeoverridden=") == [*own, above]
    assert await alice.get(f"{TOOLS}/secrets?removeoverridden&tree") == [everything[1], above]
    changed = await alice.ask("PUT", f"{HELLO}/secrets/s", secret("renamed"))
    assert (changed.status_code, changed.json()) == (200, first | {"name": "renamed"})
    assert await alice.failure("DELETE", f"{HELLO}/secrets/s") == (404, "secretDoesNotExist")
    gone = await alice.ask("DELETE", f"{HELLO}/secrets/renamed")
    assert (gone.status_code, gone.content) == (204, b"")
    assert await alice.get(f"{HELLO}/secrets") == []


async def test_a_variable_is_made_listed_changed_and_deleted(alice: Person, hello: str) -> None:
    """Lists tell where the secret of each value is kept; other answers do not."""
    await made(alice, f"{ROOT}/secrets", secret("s"))
    when = MAIN | {"ref": {"exclude": [{"type": "regexp", "match": "^refs/pull/"}]}, "tag": {}}
    first = await made(alice, f"{HELLO}/variables", variable("v", when))
    value = {"secret_name": "s", "secret_var": "k", "matching_secret_parent_path": "", "when": when}
    assert first == {"id": first["id"], "name": "v", "values": [value], "parent_path": ""}
    assert list(first) == ["id", "name", "values", "parent_path"]
    assert list(first["values"][0]) == list(value)
    (listed,) = await alice.get(f"{HELLO}/variables")
    assert listed["parent_path"] == "user/alice/tools/hello"
    assert listed["values"] == [value | {"matching_secret_parent_path": "user/alice"}]
    await made(alice, f"{TOOLS}/variables", variable("v", secret="none"))
    (inherited,) = await alice.get(f"{TOOLS}/variables?tree")
    assert (
        inherited["values"][0] | {"when": None, "matching_secret_parent_path": ""} == inherited["values"][0]
    )
    assert [one["id"] for one in await alice.get(f"{HELLO}/variables?tree&removeoverridden")] == [first["id"]]
    assert len(await alice.get(f"{HELLO}/variables?tree")) == 2
    changed = await alice.ask("PUT", f"{HELLO}/variables/v", variable("w", {}))
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["values"][0]["when"]) == ("w", {})
    assert (await alice.ask("DELETE", f"{HELLO}/variables/w")).status_code == 204
    assert await alice.failure("DELETE", f"{HELLO}/variables/w") == (404, "variableDoesNotExist")


async def test_who_may_see_and_change(house: House, alice: Person, bob: Person, hello: str) -> None:
    """Names are for who may see the project (a repair of Agola, which shows them to every user)."""
    shown = await project(alice, "shown")
    for thing, new in (("secrets", secret()), ("variables", variable())):
        for path in (f"/projects/{hello}/{thing}", f"/projects/{shown['id']}/{thing}", f"{ROOT}/{thing}"):
            assert await house.nobody.failure("GET", path) == (401, "unauthorized")
            assert await house.nobody.failure("POST", path, new) == (401, "unauthorized")
            assert await bob.failure("POST", path, new) == (403, "forbidden")
            assert await bob.failure("PUT", f"{path}/x", new) == (403, "forbidden")
            assert await bob.failure("DELETE", f"{path}/x") == (403, "forbidden")
            await made(house.admin, path, new)
        assert await bob.failure("GET", f"/projects/{hello}/{thing}") == (403, "forbidden")
        assert await bob.failure("GET", f"/projects/{hello}/{thing}?tree") == (403, "forbidden")
        assert len(await bob.get(f"/projects/{shown['id']}/{thing}?tree")) == 2
        assert len(await house.admin.get(f"/projects/{hello}/{thing}")) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (secret("a_b") | {"type": "odd"}, (400, "invalidSecretName")),
        ({}, (400, "invalidSecretName")),
        (secret("x") | {"type": "external"}, (400, "invalidSecretType")),
        ({"name": "x", "data": {"k": "v"}}, (400, "invalidSecretType")),
        ({"name": "x", "type": "internal"}, (400, "invalidSecretData")),
        ({"name": "x", "type": "internal", "data": None}, (400, "invalidSecretData")),
        ({"name": "x", "type": "internal", "data": {"k": 1}}, (400, "badRequest")),
        (secret("taken"), (400, "secretAlreadyExists")),
    ],
)
async def test_a_wrong_secret_is_refused(
    alice: Person, hello: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    """In the reference's order; the message repeats no value."""
    await made(alice, f"{HELLO}/secrets", secret("taken"))
    await made(alice, f"{HELLO}/secrets", secret("mine"))
    assert await alice.failure("POST", f"{HELLO}/secrets", body) == expected
    assert await alice.failure("PUT", f"{HELLO}/secrets/mine", body) == expected
    assert VALUE not in (await alice.ask("POST", f"{HELLO}/secrets", body)).text


REGEXPS = {"branch": {"include": [{"type": "regexp", "match": "x"}] * 101}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "a_b"}, (400, "invalidVariableName")),
        (variable("clone-token"), (400, "invalidVariableName")),
        ({"name": "x"}, (400, "invalidVariableValues")),
        ({"name": "x", "values": None}, (400, "invalidVariableValues")),
        (variable("x", {"tag": {"include": [{"match": "x"}]}}), (400, "invalidVariableValues")),
        (
            variable("x", {"ref": {"exclude": [{"type": "glob", "match": "x"}]}}),
            (400, "invalidVariableValues"),
        ),
        (
            variable("x", {"tag": {"include": [{"type": "regexp", "match": "("}]}}),
            (400, "invalidVariableValues"),
        ),
        (variable("x", REGEXPS), (400, "invalidVariableValues")),
        (variable("taken"), (400, "variableAlreadyExists")),
    ],
)
async def test_a_wrong_variable_is_refused(
    alice: Person, hello: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Also an expression that RE2 cannot read, which Agola notices at the next run, by ending."""
    await made(alice, f"{HELLO}/variables", variable("taken"))
    await made(alice, f"{HELLO}/variables", variable("mine"))
    assert await alice.failure("POST", f"{HELLO}/variables", body) == expected
    assert await alice.failure("PUT", f"{HELLO}/variables/mine", body) == expected


@pytest.mark.parametrize("thing", ["secrets", "variables"])
async def test_what_is_missing_is_told_first(alice: Person, bob: Person, hello: str, thing: str) -> None:
    """The project or group before the caller's right, that before the body; `PUT` checks the body first."""
    code = "secretDoesNotExist" if thing == "secrets" else "variableDoesNotExist"
    good = secret() if thing == "secrets" else variable()
    for verb, name in (("GET", ""), ("POST", ""), ("PUT", "/x"), ("DELETE", "/x")):
        group, one = f"/projectgroups/{NOBODY}/{thing}{name}", f"/projects/{NOBODY}/{thing}{name}"
        assert await bob.failure(verb, group, {}) == (404, "projectGroupDoesNotExist")
        assert await bob.failure(verb, one, {}) == (404, "projectDoesNotExist")
        if verb != "GET":
            assert await bob.failure(verb, f"{HELLO}/{thing}{name}", {}) == (403, "forbidden")
    assert await alice.failure("PUT", f"{HELLO}/{thing}/x", good) == (404, code)
    assert await alice.failure("PUT", f"{HELLO}/{thing}/a_b", good) == (404, code)
    assert (await alice.failure("PUT", f"{HELLO}/{thing}/x", {}))[0] == 400


async def test_agolas_client_gets_agolas_bodies(alice: Person, bob: Person, hello: str) -> None:
    """To the letter."""
    status, body = await alice.as_agola("POST", f"{HELLO}/secrets", secret() | {"path": "", "unknown": 1})
    assert status == 201
    assert body.startswith(b'{"id":"')
    assert body.endswith(b'","name":"s","parent_path":""}')
    exists = (400, b'[{"code":"secretAlreadyExists","details":null}]')
    assert await alice.as_agola("POST", f"{HELLO}/secrets", secret()) == exists
    assert await bob.as_agola("GET", f"{HELLO}/variables") == (403, b"[]")
    assert await alice.as_agola("GET", f"{HELLO}/variables") == (200, b"[]")
    assert await alice.as_agola("DELETE", f"{HELLO}/secrets/s") == (204, b"")
    missing = (404, b'[{"code":"secretDoesNotExist","details":null}]')
    assert await alice.as_agola("DELETE", f"{HELLO}/secrets/s") == missing


CONFIGURATION = b"""
runs:
  - name: main
    tasks:
      - name: task
        runtime: {type: host}
        environment:
          TOKEN: {from_variable: v}
          NONE: {from_variable: none}
        steps: [{run: "true"}]
"""


async def test_a_job_gets_the_value_when_it_begins(
    house: House, alice: Person, hello: str, worker: Worker
) -> None:
    """Of the variable as it is then; the plan and the run hold its name."""
    await made(alice, f"{ROOT}/secrets", secret(k="old"))
    await made(alice, f"{HELLO}/variables", variable("v", MAIN))
    await house.push(
        hello, "refs/heads/main", "refs/heads/dev", files={".tidemill/config.yml": CONFIGURATION}
    )
    await alice.ask("PUT", f"{ROOT}/secrets/s", secret(k=VALUE))
    assert VALUE not in repr(await runs_of(alice, hello))
    await worker.start_all()
    values = [await worker.values_of_next_job() for _ in range(2)]
    assert sorted(values, key=len) == [{}, {"v": VALUE}]
