"""The audit log: whatever changes something, or reads a secret, leaves an entry; nothing else does."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import text

from tests.conftest import Clock
from tidemill.contracts.audit import Audit, AuditEntry, Deed, Identity, Subject
from tidemill.contracts.configstore import (
    NewProject,
    NewProjectGroup,
    NewToken,
    NewUser,
    ProjectGroupUpdate,
    ProjectIds,
    ProjectUpdate,
    TokenCheck,
    UserUpdate,
)
from tidemill.contracts.organizations import (
    Answer,
    GivenRole,
    Invitations,
    NewOrganization,
    Organizations,
    OrganizationUpdate,
)
from tidemill.contracts.passwords import NewAccount, NewPassword, PasswordCheck, Passwords
from tidemill.contracts.remote_sources import NewRemoteSource, RemoteSources, RemoteSourceUpdate
from tidemill.contracts.secrets import SecretData, VariableData
from tidemill.contracts.sessions import NewSession, SessionCheck, Sessions
from tidemill.contracts.values import ValuesRequest
from tidemill.core.scope import Scope
from tidemill.core.variables import VariableValue
from tidemill.errors import BadRequest, NotFound, Unauthorized
from tidemill.kit.contract import Call, calling, endpoints
from tidemill.kit.crypto import Keyring
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.settings import ConfigstoreSettings

pytestmark = pytest.mark.anyio

PROJECT, GROUP = "user/alice/api", "user/alice/tools"
ALICE = Identity(kind="user", id="an-id", name="alice", via="token laptop", remote="192.0.2.7")
PLANTED = "pl4nted-value"

Do = Callable[[Mapping[type, Any]], Awaitable[object]]


def _c(faces: Mapping[type, Any]) -> ConfigstoreService:
    return cast(
        "ConfigstoreService", next(face for face in faces.values() if isinstance(face, ConfigstoreService))
    )


def _variable() -> VariableData:
    return VariableData(name="V", values=(VariableValue(secret_name="s", secret_var="key"),))


def _deed() -> Deed:
    return Deed(action="run.delete", subject=Subject(kind="run", path=PROJECT), fields=("7",))


async def _end_one(faces: Mapping[type, Any]) -> None:
    (session,) = (await faces[Sessions].sessions("yan")).sessions
    await faces[Sessions].end_session("yan", session.id)


async def _withdraw(faces: Mapping[type, Any]) -> None:
    await faces[Invitations].invite("acme", "carol", GivenRole(role="member"))
    await faces[Invitations].withdraw_invitation("acme", "carol")


async def _resolve(faces: Mapping[type, Any]) -> None:
    project = await _c(faces).project(PROJECT)
    scope = str(Scope(project=project.id, ref="refs/heads/main"))
    answer = await _c(faces).resolve(ValuesRequest(scope=scope, names=("V", "W"), job="task.1"))
    assert answer.values == {"V": PLANTED}


#: What changes something: its endpoint, how it is asked for, and the entry that it leaves.
#: One after the other on one installation.
CHANGES: list[tuple[str, Do, str, str]] = [
    ("create_user", lambda f: _c(f).create_user(NewUser(name="zoe")), "user.create", "user/zoe"),
    ("update_user", lambda f: _c(f).update_user("zoe", UserUpdate(is_admin=True)), "user.update", "user/zoe"),
    ("create_token", lambda f: _c(f).create_token("zoe", NewToken(name="t")), "token.create", "user/zoe/t"),
    ("delete_token", lambda f: _c(f).delete_token("zoe", "t"), "token.delete", "user/zoe/t"),
    (
        "create_account",
        lambda f: f[Passwords].create_account(NewAccount(name="yan", password=f"{PLANTED}-1")),
        "user.create",
        "user/yan",
    ),
    (
        "set_password",
        lambda f: f[Passwords].set_password("yan", NewPassword(password=f"{PLANTED}-2")),
        "password.set",
        "user/yan",
    ),
    (
        "create_session",
        lambda f: f[Sessions].create_session("yan", NewSession(seconds=60)),
        "session.create",
        "*",
    ),
    ("end_session", _end_one, "session.delete", "*"),
    ("end_sessions", lambda f: f[Sessions].end_sessions("yan"), "session.delete-all", "user/yan"),
    (
        "create_project_group",
        lambda f: _c(f).create_project_group(NewProjectGroup(name="tools", parent="user/alice")),
        "projectgroup.create",
        GROUP,
    ),
    (
        "update_project_group",
        lambda f: _c(f).update_project_group(GROUP, ProjectGroupUpdate(visibility="private")),
        "projectgroup.update",
        GROUP,
    ),
    (
        "create_project",
        lambda f: _c(f).create_project(NewProject(name="api", parent="user/alice")),
        "project.create",
        PROJECT,
    ),
    (
        "update_project",
        lambda f: _c(f).update_project(PROJECT, ProjectUpdate(visibility="private")),
        "project.update",
        PROJECT,
    ),
    (
        "create_secret",
        lambda f: _c(f).create_secret("projects", PROJECT, SecretData(name="s", data={"key": PLANTED})),
        "secret.create",
        f"{PROJECT}/s",
    ),
    (
        "update_secret",
        lambda f: _c(f).update_secret("projects", PROJECT, "s", SecretData(name="s", data={"key": PLANTED})),
        "secret.update",
        f"{PROJECT}/s",
    ),
    (
        "create_variable",
        lambda f: _c(f).create_variable("projects", PROJECT, _variable()),
        "variable.create",
        f"{PROJECT}/V",
    ),
    (
        "update_variable",
        lambda f: _c(f).update_variable("projects", PROJECT, "V", _variable()),
        "variable.update",
        f"{PROJECT}/V",
    ),
    ("resolve", _resolve, "secret.read", f"{PROJECT}/s"),
    (
        "delete_variable",
        lambda f: _c(f).delete_variable("projects", PROJECT, "V"),
        "variable.delete",
        f"{PROJECT}/V",
    ),
    (
        "delete_secret",
        lambda f: _c(f).delete_secret("projects", PROJECT, "s"),
        "secret.delete",
        f"{PROJECT}/s",
    ),
    ("delete_project", lambda f: _c(f).delete_project(PROJECT), "project.delete", PROJECT),
    (
        "delete_project_group",
        lambda f: _c(f).delete_project_group(GROUP, ProjectIds(projects=())),
        "projectgroup.delete",
        GROUP,
    ),
    (
        "create_org",
        lambda f: f[Organizations].create_org(NewOrganization(name="acme")),
        "org.create",
        "org/acme",
    ),
    (
        "update_org",
        lambda f: f[Organizations].update_org("acme", OrganizationUpdate(visibility="private")),
        "org.update",
        "org/acme",
    ),
    (
        "set_org_member",
        lambda f: f[Organizations].set_org_member("acme", "alice", GivenRole(role="owner")),
        "member.set",
        "org/acme/alice",
    ),
    (
        "remove_org_member",
        lambda f: f[Organizations].remove_org_member("acme", "alice"),
        "member.remove",
        "org/acme/alice",
    ),
    (
        "invite",
        lambda f: f[Invitations].invite("acme", "bob", GivenRole(role="member")),
        "invitation.create",
        "org/acme/bob",
    ),
    (
        "answer_invitation",
        lambda f: f[Invitations].answer_invitation("acme", "bob", Answer(accept=True)),
        "invitation.accept",
        "org/acme/bob",
    ),
    ("withdraw_invitation", _withdraw, "invitation.delete", "org/acme/carol"),
    ("delete_org", lambda f: f[Organizations].delete_org("acme", None), "org.delete", "org/acme"),
    (
        "create_remote_source",
        lambda f: f[RemoteSources].create_remote_source(
            NewRemoteSource(name="hub", type="gitea", auth_type="password", api_url="https://git.example.com")
        ),
        "remotesource.create",
        "hub",
    ),
    (
        "update_remote_source",
        lambda f: f[RemoteSources].update_remote_source("hub", RemoteSourceUpdate(login_enabled=False)),
        "remotesource.update",
        "hub",
    ),
    (
        "delete_remote_source",
        lambda f: f[RemoteSources].delete_remote_source("hub"),
        "remotesource.delete",
        "hub",
    ),
    ("delete_user", lambda f: _c(f).delete_user("zoe", None), "user.delete", "user/zoe"),
    ("record", lambda f: f[Audit].record(_deed()), "run.delete", PROJECT),
]
#: What is asked by another verb than GET, and changes nothing by itself.
ASKING = {
    "user_of_token",
    "owner_of_session",
    "project_of_clone_token",
    "direct_repository_of",
    "seal_direct_variables",  # what a user gives to a run of their own, kept nowhere here
    "check_password",  # what is wrong is noted, see below
    "reseal",  # is noted where something was sealed anew, see the tests of sealing
}


@pytest.fixture
def audit(people: ConfigstoreService) -> Audit:
    return cast("Audit", people.faces()[Audit])


async def newest(audit: Audit) -> AuditEntry:
    return (await audit.entries(limit=1)).items[0]


async def test_what_was_deleted_is_told_by_its_id_too(configstore: ConfigstoreService) -> None:
    """A secret or variable that was renamed, or made anew under its name, can be told from others."""
    await configstore.create_user(NewUser(name="alice"))
    where = ("project-groups", "user/alice")
    secret = await configstore.create_secret(*where, SecretData(name="s", data={"key": "x"}))
    variable = await configstore.create_variable(*where, _variable())
    await configstore.delete_secret(*where, "s")
    await configstore.delete_variable(*where, "V")
    last = (await cast("Audit", configstore.faces()[Audit]).entries(limit=2)).items
    assert [one.deed.subject.id for one in last] == [variable.id, secret.id]


async def test_whatever_changes_something_is_noted(people: ConfigstoreService, audit: Audit) -> None:
    """Each with who asked, by what, from where, what it was done to; of values there is nothing."""
    faces = people.faces()
    for name, do, action, path in CHANGES:
        before = (await newest(audit)).number
        with calling(Call(request_id=f"req-{name}", caller=_encoded(ALICE))):
            await do(faces)
        entry = await newest(audit)
        assert entry.number > before, name
        assert (entry.actor, entry.request_id) == (ALICE, f"req-{name}"), name
        assert entry.deed.action == action, name
        assert path in ("*", entry.deed.subject.path), name
    everything = (await audit.entries(limit=0)).items
    assert PLANTED not in repr(everything)


def test_no_change_is_left_out(people: ConfigstoreService) -> None:
    """Every endpoint of every contract that may change something is among those above."""
    asked = {
        endpoint.name
        for contract in people.faces()
        for endpoint in endpoints(contract)
        if endpoint.verb != "GET"
    }
    assert asked - ASKING == {name for name, _, _, _ in CHANGES}


async def test_a_read_secret_says_for_which_job(people: ConfigstoreService, audit: Audit) -> None:
    """One entry for each secret, of however many variables."""
    await people.create_project(NewProject(name="api", parent="user/alice"))
    data = SecretData(name="s", data={f"k{i}": f"{PLANTED}{i}" for i in range(20)})
    await people.create_secret("project-groups", "user/alice", data)
    for i in range(20):
        value = VariableValue(secret_name="s", secret_var=f"k{i}")
        await people.create_variable("projects", PROJECT, VariableData(name=f"V{i}", values=(value,)))
    project = await people.project(PROJECT)
    scope = str(Scope(project=project.id, ref="refs/heads/main"))
    names = tuple(f"V{i}" for i in range(20))
    before = (await newest(audit)).number
    await people.resolve(ValuesRequest(scope=scope, names=names, job="task.1"))
    (entry,) = [one for one in (await audit.entries(limit=0)).items if one.number > before]
    assert entry.deed.fields == ("job task.1", *sorted(names))
    assert (entry.deed.subject.path, entry.deed.subject.project) == ("user/alice/s", project.id)
    assert entry.actor == Identity(kind="service")


async def test_what_is_refused_is_not_noted(people: ConfigstoreService, audit: Audit) -> None:
    """Nothing was done; but a wrong password is, without a name that nobody has."""
    passwords = people.faces()[Passwords]
    await passwords.set_password("alice", NewPassword(password=f"{PLANTED}-1"))
    before = (await newest(audit)).number
    with pytest.raises(BadRequest):
        await people.create_user(NewUser(name="alice"))
    with pytest.raises(NotFound):
        await people.delete_project(PROJECT)
    with pytest.raises(NotFound):
        await people.user_of_token(TokenCheck(token="none"))
    with pytest.raises(NotFound):
        await people.faces()[Sessions].owner_of_session(SessionCheck(secret="none"))
    assert (await newest(audit)).number == before
    for name, path in (("alice", "user/alice"), ("a-password-in-the-wrong-field", "")):
        with pytest.raises(Unauthorized):
            await passwords.check_password(PasswordCheck(name=name, password=PLANTED))
        entry = await newest(audit)
        assert (entry.deed.action, entry.deed.subject.path) == ("login.fail", path)


async def test_filters_and_pages(people: ConfigstoreService, audit: Audit, clock: Clock) -> None:
    """Newest first, each filter alone and together, page by page."""
    await people.create_project(NewProject(name="api", parent="user/alice"))
    project = await people.project(PROJECT)
    clock.advance(60)
    middle = clock()
    with calling(Call(caller=_encoded(ALICE))):
        await people.create_token("alice", NewToken(name="t"))
        await people.update_project(PROJECT, ProjectUpdate(visibility="private"))
    for wanted, actions in (
        ({"actor": "alice"}, ["project.update", "token.create"]),
        ({"actor": "an-id", "action": "token."}, ["token.create"]),
        ({"kind": "token"}, ["token.create"]),
        ({"project": project.id}, ["project.update", "project.create"]),
        ({"project": project.id, "until": middle.isoformat()}, ["project.create"]),
        ({"since": middle.isoformat()}, ["project.update", "token.create"]),
        ({"owner": project.owner, "action": "project.create"}, ["project.create"]),
        ({"actor": "nobody-of-this-name"}, []),
    ):
        found = (await audit.entries(**wanted)).items
        assert [entry.deed.action for entry in found] == actions, wanted
    everything = [entry.number for entry in (await audit.entries(limit=0)).items]
    paged: list[int] = []
    cursor = "0"
    while cursor:
        part = await audit.entries(before=int(cursor), limit=2)
        paged += [entry.number for entry in part.items]
        cursor = part.cursor
    assert paged == everything == sorted(everything, reverse=True)
    with pytest.raises(BadRequest, match="since"):
        await audit.entries(since="yesterday")


@pytest.mark.parametrize("statement", ["UPDATE audit SET action = 'x'", "DELETE FROM audit"])
async def test_the_schema_lets_nobody_change_it(
    people: ConfigstoreService, db: Database, statement: str
) -> None:
    """Not even whoever has the database's password and means well."""
    with pytest.raises(Exception, match="only added to"):
        await db.do(lambda tx: tx.run(text(statement)))


async def test_retention_removes_what_is_old_and_says_so(db: Database, clock: Clock) -> None:
    """Only where the settings want it, and never what is younger."""
    settings = ConfigstoreSettings(keep_audit=3600)
    service = ConfigstoreService(
        settings, db, Keyring([bytes(32)]), clock=clock, new_id=iter("abcdef").__next__
    )
    await service.create_user(NewUser(name="alice"))
    clock.advance(3000)
    await service.create_user(NewUser(name="bob"))
    (loop,) = service.loops()
    await loop.work()
    audit = cast("Audit", service.faces()[Audit])
    assert [entry.deed.action for entry in (await audit.entries()).items] == ["user.create"] * 2
    clock.advance(601)
    await loop.work()
    left = (await audit.entries()).items
    assert [entry.deed.action for entry in left] == ["audit.forget", "user.create"]
    assert left[1].deed.subject.path == "user/bob"
    await loop.work()
    assert len((await audit.entries()).items) == 2


def _encoded(identity: Identity) -> str:
    return msgspec.json.encode(identity).decode()
