"""Secrets in the configstore: stored sealed, given out late and by name, and nowhere else."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from tidemill.contracts.configstore import NewProject, NewProjectGroup, NewUser, ProjectUpdate
from tidemill.contracts.secrets import ParentKind, SecretData, VariableData
from tidemill.contracts.values import CLONE_TOKEN, ValuesRequest
from tidemill.core.patterns import Pattern
from tidemill.core.scope import Scope
from tidemill.core.variables import VariableValue
from tidemill.core.when import Conditions, When
from tidemill.errors import BadRequest, Failure, NotFound, Unavailable
from tidemill.kit.db import Database, Snapshot
from tidemill.services.configstore import ConfigstoreService, finding
from tidemill.services.configstore.store.tables import secrets, variables

pytestmark = pytest.mark.anyio

VALUE = "hunter2-is-the-value"
GROUP, ROOT = "user/alice/tools", "user/alice"


class Alice:
    """What alice does with her secrets, and what her jobs get of them."""

    def __init__(self, configstore: ConfigstoreService, project: str) -> None:
        self.configstore = configstore
        self.project = project

    async def secret(self, at: str, name: str = "s", **data: str) -> None:
        await self.configstore.create_secret(kind(at), at or self.project, SecretData(name=name, data=data))

    async def variable(self, at: str, name: str, *values: VariableValue) -> None:
        request = VariableData(name=name, values=values)
        await self.configstore.create_variable(kind(at), at or self.project, request)

    async def values(
        self, *names: str, ref: str = "refs/heads/main", is_fork: bool = False
    ) -> dict[str, str]:
        scope = str(Scope(project=self.project, ref=ref, is_fork=is_fork))
        return (await self.configstore.resolve(ValuesRequest(scope=scope, names=names))).values


def kind(at: str) -> ParentKind:
    """Her project is meant by no path."""
    return "project-groups" if at else "projects"


def value(key: str, branch: str = "", secret: str = "s") -> VariableValue:
    when = When(branch=Conditions(include=(Pattern(text=branch),))) if branch else None
    return VariableValue(secret_name=secret, secret_var=key, when=when)


@pytest.fixture
async def alice(configstore: ConfigstoreService) -> Alice:
    """With a project in a group in her root group."""
    await configstore.create_user(NewUser(name="alice"))
    await configstore.create_project_group(NewProjectGroup(name="tools", parent=ROOT))
    made = await configstore.create_project(NewProject(name="hello", parent=GROUP))
    return Alice(configstore, made.id)


async def test_a_job_gets_what_it_names(alice: Alice) -> None:
    """And nothing else: neither other variables nor what is not defined."""
    await alice.secret(ROOT, token=VALUE, other="not asked for")
    await alice.variable("", "token", value("token"))
    await alice.variable("", "other", value("other"))
    await alice.variable("", "no-key", value("none"))
    await alice.variable("", "no-secret", value("token", secret="none"))
    names = ("token", "no-key", "no-secret", "nobody")
    assert await alice.values(*names, "token") == {"token": VALUE}
    assert set(await alice.values("token", CLONE_TOKEN)) == {"token", CLONE_TOKEN}
    assert await alice.values() == {}


async def test_levels_and_conditions_decide(alice: Alice) -> None:
    """The nearest variable wins entirely; its secret is looked for from its own level up."""
    await alice.secret(ROOT, k="root")
    await alice.secret("", k="project")
    await alice.variable(GROUP, "v", value("k"))
    assert await alice.values("v") == {"v": "root"}
    await alice.secret(GROUP, k="group", other="other")
    assert await alice.values("v") == {"v": "group"}
    await alice.variable("", "v", value("k", "release"), value("k", "main"))
    assert await alice.values("v") == {"v": "project"}
    assert await alice.values("v", ref="refs/heads/dev") == {}
    assert await alice.values("v", ref="refs/tags/main") == {}


async def test_a_change_is_seen_at_once(alice: Alice) -> None:
    """A rotated secret, and a project that was moved out of its group."""
    await alice.secret(GROUP, k="old")
    await alice.variable(GROUP, "v", value("k"))
    new = SecretData(name="s", data={"k": "new"})
    await alice.configstore.update_secret("project-groups", GROUP, "s", new)
    assert await alice.values("v") == {"v": "new"}
    await alice.configstore.update_project(alice.project, ProjectUpdate(parent=ROOT))
    assert await alice.values("v") == {}


async def test_a_fork_gets_no_secrets(alice: Alice) -> None:
    """Unless the project says so; the leave to clone it gets in any case."""
    await alice.secret("", k=VALUE)
    await alice.variable("", "v", value("k"))
    pull = "refs/pull/7/head"
    assert await alice.values("v", ref=pull) == {"v": VALUE}
    assert set(await alice.values("v", CLONE_TOKEN, ref=pull, is_fork=True)) == {CLONE_TOKEN}
    trusting = ProjectUpdate(pass_vars_to_forked_pr=True)
    await alice.configstore.update_project(alice.project, trusting)
    assert await alice.values("v", ref=pull, is_fork=True) == {"v": VALUE}


async def test_nothing_that_is_stored_or_said_holds_a_value(
    alice: Alice, db: Database, tmp_path: Path
) -> None:
    """Rows, lists, logs, errors, what structs look like; on SQLite every byte of the files."""
    with capture_logs() as logged:
        await alice.secret("", "s", token=VALUE)
        await alice.variable("", "v", value("token"))
        assert await alice.values("v") == {"v": VALUE}
        with pytest.raises(BadRequest) as refused:
            await alice.secret("", "s", token=VALUE)
    rows = await db.read(lambda tx: tx.all(select(secrets)))
    listed = await alice.configstore.secrets("projects", alice.project, tree=True)
    structs = (SecretData(name="s", data={"k": VALUE}), await resolved(alice, "v"))
    for text in (rows, listed, logged, refused.value, structs):
        assert VALUE not in repr(text)
    assert [line["names"] for line in logged if "names" in line] == [["v"]]
    assert VALUE.encode() not in everything_in(tmp_path)
    assert b"token" not in rows[0].ciphertext


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def resolved(alice: Alice, name: str) -> object:
    request = ValuesRequest(scope=str(Scope(project=alice.project, ref="refs/heads/main")), names=(name,))
    return await alice.configstore.resolve(request)


async def test_a_row_opens_only_where_it_belongs(alice: Alice, db: Database) -> None:
    """Who can write to the database cannot make a project of theirs read another's secret."""
    await alice.secret(ROOT, "target", k=VALUE)
    await alice.secret("", "s", k="mine")
    await alice.variable("", "v", value("k"))

    async def copy(tx: Snapshot) -> object:
        return await tx.one(select(secrets).where(secrets.c.name == "target"))

    stolen = await db.read(copy)
    sealed = {"nonce": stolen.nonce, "ciphertext": stolen.ciphertext}  # type: ignore[attr-defined]
    await db.do(lambda tx: tx.run(update(secrets).where(secrets.c.name == "s").values(sealed)))
    with pytest.raises(Unavailable, match="the secret 's'") as refused:
        await alice.values("v")
    assert refused.value.code == "sealIsBroken"
    here = update(secrets).where(secrets.c.name == "target").values(project_id=alice.project, group_id=None)
    await db.do(lambda tx: tx.run(here))
    await alice.variable("", "w", value("k", secret="target"))
    with pytest.raises(Unavailable):
        await alice.values("w")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a_b", {"k": "v"}, "invalidSecretName"),
        ("", {"k": "v"}, "invalidSecretName"),
        ("x" * 41, {"k": "v"}, "invalidSecretName"),
        ("a_b", {}, "invalidSecretName"),
        ("ok", {}, "invalidSecretData"),
        ("ok", {"k": "a\0b"}, "invalidSecretData"),
        ("taken", {"k": "v"}, "secretAlreadyExists"),
    ],
)
async def test_a_wrong_secret_is_refused(alice: Alice, name: str, data: dict[str, str], code: str) -> None:
    """When it is made and when it is changed."""
    await alice.secret("", "taken", k="v")
    await alice.secret("", "mine", k="v")
    request = SecretData(name=name, data=data)
    for ask in (
        alice.configstore.create_secret("projects", alice.project, request),
        alice.configstore.update_secret("projects", alice.project, "mine", request),
    ):
        with pytest.raises(BadRequest) as refused:
            await ask
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "count", "code"),
    [
        ("a_b", 1, "invalidVariableName"),
        (CLONE_TOKEN, 1, "invalidVariableName"),
        ("ok", 0, "invalidVariableValues"),
        ("ok", 101, "invalidVariableValues"),
        ("taken", 1, "variableAlreadyExists"),
    ],
)
async def test_a_wrong_variable_is_refused(alice: Alice, name: str, count: int, code: str) -> None:
    """When it is made and when it is changed."""
    await alice.variable("", "taken", value("k"))
    await alice.variable("", "mine", value("k"))
    request = VariableData(name=name, values=(value("k"),) * count)
    for ask in (
        alice.configstore.create_variable("projects", alice.project, request),
        alice.configstore.update_variable("projects", alice.project, "mine", request),
    ):
        with pytest.raises(BadRequest) as refused:
            await ask
        assert refused.value.code == code


async def test_what_is_not_there_is_said_to_be_missing(alice: Alice) -> None:
    """The secret, the variable, the project, the group; each with its code."""
    store, data, value_ = alice.configstore, SecretData(name="n", data={"k": "v"}), (value("k"),)
    new = VariableData(name="n", values=value_)
    unknown = str(uuid4())
    for ask, code in (
        (store.update_secret("projects", alice.project, "n", data), "secretDoesNotExist"),
        (store.delete_secret("projects", alice.project, "n"), "secretDoesNotExist"),
        (store.update_variable("projects", alice.project, "n", new), "variableDoesNotExist"),
        (store.delete_variable("projects", alice.project, "a\udc80"), "variableDoesNotExist"),
        (store.secrets("projects", unknown), "projectDoesNotExist"),
        (store.create_variable("project-groups", unknown, new), "projectGroupDoesNotExist"),
    ):
        with pytest.raises(NotFound) as missing:
            await ask  # type: ignore[misc]
        assert missing.value.code == code


async def test_lists_are_nearest_first(alice: Alice) -> None:
    """Then by name; with what is inherited, and without what is hidden, if asked."""
    for at in (ROOT, "", GROUP):
        await alice.secret(at, "s", k="v")
        await alice.variable(at, "v", value("k"), value("k", secret="top"))
    await alice.secret(ROOT, "top", k="v")
    await alice.secret(GROUP, "a", k="v")
    project = f"{GROUP}/hello"

    async def listed(tree: bool = False, nearest: bool = False) -> list[tuple[str, str]]:
        found = (await alice.configstore.secrets("projects", alice.project, tree, nearest)).secrets
        return [(one.name, one.parent_path) for one in found]

    assert await listed() == [("s", project)]
    everything = [("s", project), ("a", GROUP), ("s", GROUP), ("s", ROOT), ("top", ROOT)]
    assert await listed(tree=True) == everything
    assert await listed(tree=True, nearest=True) == [("s", project), ("a", GROUP), ("top", ROOT)]
    found = (await alice.configstore.variables("projects", alice.project, True)).variables
    assert [one.secret_paths for one in found] == [(project, ROOT), (GROUP, ROOT), (ROOT, ROOT)]
    in_group = (await alice.configstore.variables("project-groups", GROUP)).variables
    assert [(one.parent_path, one.secret_paths) for one in in_group] == [(GROUP, (GROUP, ROOT))]


async def test_a_deleted_project_takes_its_secrets_along(alice: Alice, db: Database) -> None:
    """And its variables."""
    await alice.secret("", k="v")
    await alice.variable("", "v", value("k"))
    await alice.configstore.delete_project(alice.project)
    for table in (secrets, variables):
        assert await db.read(lambda tx, table=table: tx.all(select(table))) == []


async def test_two_that_take_one_name_leave_one(alice: Alice, db: Database) -> None:
    """The schema holds it, whoever comes second."""
    await alice.secret("", "one", k="v")
    await alice.secret("", "two", k="v")
    with pytest.raises(Failure):
        await db.do(lambda tx: tx.run(update(secrets).where(secrets.c.name == "two").values(name="one")))


async def test_of_many_that_take_a_name_at_once_one_gets_it(alice: Alice) -> None:
    """By creation and by another name; the others are told that it is taken, and nobody of a collision."""
    store, at = alice.configstore, ("projects", alice.project)
    for number in range(3):
        await alice.secret("", f"other{number}", k="v")
        await alice.variable("", f"other{number}", value("k"))
    secret = SecretData(name="s", data={"k": "v"})
    variable = VariableData(name="s", values=(value("k"),))
    for code, calls in (
        (
            "secretAlreadyExists",
            [store.create_secret(*at, secret) for _ in range(3)]
            + [store.update_secret(*at, f"other{number}", secret) for number in range(3)],
        ),
        (
            "variableAlreadyExists",
            [store.create_variable(*at, variable) for _ in range(3)]
            + [store.update_variable(*at, f"other{number}", variable) for number in range(3)],
        ),
    ):
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refused = [getattr(answer, "code", answer) for answer in answers if isinstance(answer, Exception)]
        assert refused == [code] * 5


async def test_what_is_made_in_a_project_that_goes_goes_too(alice: Alice, db: Database) -> None:
    """Or it is said that the project does not exist; nothing else happens, and nothing is left."""
    at = ("projects", alice.project)
    calls = [
        alice.configstore.create_secret(*at, SecretData(name=f"s{number}", data={"k": "v"}))
        for number in range(4)
    ]
    answers = await asyncio.gather(
        *calls[:2], alice.configstore.delete_project(alice.project), *calls[2:], return_exceptions=True
    )
    codes = {getattr(answer, "code", answer) for answer in answers if isinstance(answer, Exception)}
    assert codes <= {"projectDoesNotExist"}
    assert await db.read(lambda tx: tx.all(select(secrets))) == []


async def test_a_group_that_has_gone_since_it_was_found_is_not_there(db: Database) -> None:
    """Another transaction may have deleted it between two looks."""
    with pytest.raises(NotFound) as caught:
        await db.read(lambda tx: finding.levels_of_group(tx, str(uuid4())))
    assert caught.value.code == "projectGroupDoesNotExist"
