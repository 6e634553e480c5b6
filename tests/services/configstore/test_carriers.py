"""Every call of the configstore answers the same over each carrier: the object, the codec, HTTP."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

import pytest

from tests.kit.probe import client, running
from tidemill.contracts.configstore import (
    Configstore,
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
from tidemill.contracts.passwords import NewAccount, NewPassword, PasswordCheck, Passwords
from tidemill.contracts.remote_sources import NewRemoteSource, RemoteSources, RemoteSourceUpdate
from tidemill.contracts.sealing import Reseal, Resealed, Sealing
from tidemill.contracts.secrets import SecretData, VariableData
from tidemill.contracts.sessions import NewSession, SessionCheck, Sessions
from tidemill.contracts.values import CLONE_TOKEN, Values, ValuesRequest
from tidemill.core.patterns import Pattern
from tidemill.core.variables import VariableValue
from tidemill.core.when import Conditions, When
from tidemill.errors import BadRequest, Conflict, NotFound, Unauthorized
from tidemill.kit.carriers import coded, direct
from tidemill.kit.connect import connect
from tidemill.kit.contract import endpoints
from tidemill.kit.http import make_app
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore.service import PREFIX

pytestmark = pytest.mark.anyio


class Everything(Configstore, Passwords, RemoteSources, Sealing, Sessions, Values):
    """Every contract of the configstore."""


class Whole:
    """All faces of the configstore as one object."""

    def __init__(self, service: ConfigstoreService) -> None:
        self._faces = service.faces()

    def __getattr__(self, name: str) -> Any:
        return next(
            getattr(face, name)
            for contract, face in self._faces.items()
            if name in {endpoint.name for endpoint in endpoints(contract)}
        )


@pytest.fixture(params=["direct", "coded", "http"])
async def asked(request: pytest.FixtureRequest, configstore: ConfigstoreService) -> AsyncIterator[Everything]:
    """The configstore as another service sees it."""
    whole = cast("Everything", Whole(configstore))
    if request.param == "direct":
        yield direct(Everything, whole)
    elif request.param == "coded":
        yield coded(Everything, whole)
    else:
        async with running(make_app(configstore.routes())) as url, client(url) as http:
            yield connect(Everything, http, PREFIX)


async def test_a_story_with_every_call(asked: Everything) -> None:
    """Users, tokens, groups, projects, secrets, variables, clone tokens and their errors."""
    alice = await asked.create_user(NewUser(name="alice"))
    token = (await asked.create_token("alice", NewToken(name="a/b c"))).token
    assert (await asked.user_of_token(TokenCheck(token=token))).id == alice.id
    assert (await asked.user(alice.id)).token_names == ("a/b c",)
    await asked.create_user(NewUser(name="bob"))
    assert (await asked.update_user("bob", UserUpdate(is_admin=True))).is_admin
    page = await asked.users(limit=1, ascending=False)
    assert ([user.name for user in page.items], page.cursor) == (["bob"], "bob")
    group = await asked.create_project_group(NewProjectGroup(name="tools", parent="user/alice"))
    assert await asked.project_group("user/alice/tools") == group
    assert (await asked.group_subgroups("user/alice")).groups == (group,)
    made = await asked.create_project(NewProject(name="hello", parent=group.id, visibility="private"))
    assert await asked.project("user/alice/tools/hello") == made
    moved = await asked.update_project(made.id, ProjectUpdate(parent="user/alice"))
    assert (await asked.group_projects("user/alice")).projects == (moved,)
    assert (await asked.user_projects("alice")).projects == (moved,)
    request = ValuesRequest(scope=f"project:{made.id}:refs/heads/main", names=(CLONE_TOKEN,))
    minted = (await asked.resolve(request)).values[CLONE_TOKEN]
    assert await asked.project_of_clone_token(TokenCheck(token=minted)) == moved
    await _story_of_secrets(asked, made.id)
    await _story_of_sources(asked)
    await _story_of_logins(asked)
    (key,) = (await asked.sealing_keys()).keys
    assert (key.is_current, key.sealed) == (True, 0)
    assert await asked.reseal(Reseal(after="1/")) == Resealed(resealed=0, unopened=0, next="")
    await _story_of_groups(asked, group.id)
    with pytest.raises(BadRequest, match="already") as refused:
        await asked.create_user(NewUser(name="bob"))
    assert refused.value.code == "userAlreadyExists"
    await asked.delete_token("alice", "a/b c")
    await asked.delete_project("user/alice/hello")
    await asked.delete_user("alice")
    with pytest.raises(NotFound) as gone:
        await asked.user("alice")
    assert gone.value.code == "userDoesNotExist"


async def _story_of_secrets(asked: Everything, project: str) -> None:
    secret = await asked.create_secret("project-groups", "user/alice", SecretData(name="s", data={"k": "1"}))
    assert (await asked.secrets("projects", project)).secrets == ()
    (seen,) = (await asked.secrets("projects", project, tree=True, nearest=True)).secrets
    assert (seen.id, seen.parent_path) == (secret.id, "user/alice")
    await asked.update_secret("project-groups", "user/alice", "s", SecretData(name="s", data={"k": "value"}))
    main = When(branch=Conditions(include=(Pattern(text="main"),)))
    values = (VariableValue(secret_name="s", secret_var="k", when=main),)
    await asked.create_variable("projects", project, VariableData(name="v", values=values))
    await asked.update_variable("projects", project, "v", VariableData(name="w", values=values))
    (variable,) = (await asked.variables("projects", project)).variables
    assert (variable.name, variable.values, variable.secret_paths) == ("w", values, ("user/alice",))
    request = ValuesRequest(scope=f"project:{project}:refs/heads/main", names=("v", "w"))
    assert (await asked.resolve(request)).values == {"w": "value"}
    await asked.delete_variable("projects", project, "w")
    await asked.delete_secret("project-groups", "user/alice", "s")
    with pytest.raises(NotFound) as gone:
        await asked.delete_secret("project-groups", "user/alice", "s")
    assert gone.value.code == "secretDoesNotExist"


async def _story_of_groups(asked: Everything, group: str) -> None:
    inner = await asked.create_project_group(NewProjectGroup(name="inner", parent=group))
    moved = await asked.update_project_group(inner.id, ProjectGroupUpdate(parent="user/bob"))
    assert moved.path == "user/bob/inner"
    made = await asked.create_project(NewProject(name="p", parent=inner.id))
    below = await asked.projects_below("user/bob/inner")
    assert below.projects == (made.id,)
    with pytest.raises(Conflict) as refused:
        await asked.delete_project_group(inner.id, ProjectIds(projects=()))
    assert refused.value.code == "projectGroupChanged"
    await asked.delete_project_group(inner.id, below)


async def _story_of_sources(asked: Everything) -> None:
    builtin = await asked.remote_source("builtin")
    assert (await asked.remote_sources()).items == [builtin]
    gitea = NewRemoteSource(name="gitea", api_url="https://gitea", type="gitea", auth_type="password")
    made = await asked.create_remote_source(gitea)
    changed = await asked.update_remote_source(made.id, RemoteSourceUpdate(login_enabled=False))
    assert (changed.login_enabled, changed.api_url) == (False, "https://gitea")
    await asked.delete_remote_source("gitea")
    assert (await asked.remote_sources()).items == [builtin]


async def _story_of_logins(asked: Everything) -> None:
    carol = await asked.create_account(NewAccount(name="carol", password="correct horse"))
    await asked.set_password("carol", NewPassword(password="battery staple", old="correct horse"))
    with pytest.raises(Unauthorized) as caught:
        await asked.check_password(PasswordCheck(name="carol", password="correct horse"))
    assert caught.value.code == "wrongPassword"
    owner = await asked.check_password(PasswordCheck(name="carol", password="battery staple"))
    assert (owner.user.id, owner.version) == (carol.id, 2)
    begin = partial(asked.create_session, "carol", NewSession(seconds=60, password_version=2))
    begun = [await begin(), await begin()]
    found = await asked.owner_of_session(SessionCheck(secret=begun[0].secret))
    assert (found.id, found.user.id) == (begun[0].id, carol.id)
    await asked.end_session("carol", begun[1].id)
    assert [one.id for one in (await asked.sessions(carol.id)).sessions] == [begun[0].id]
    await asked.end_sessions("carol")
    assert (await asked.sessions("carol")).sessions == ()
    await asked.delete_user("carol")


def test_the_story_leaves_no_call_out() -> None:
    """Each endpoint is named in it."""
    parts = (
        test_a_story_with_every_call,
        _story_of_secrets,
        _story_of_sources,
        _story_of_groups,
        _story_of_logins,
    )
    told = {name for part in parts for name in part.__code__.co_names}
    assert {endpoint.name for endpoint in endpoints(Everything)} <= told


async def test_a_limit_that_is_none_is_refused(configstore: ConfigstoreService) -> None:
    """A list is asked for with a number that makes sense, or the answer says which do."""
    async with running(make_app(configstore.routes())) as url, client(url) as http:
        for path in ("users", "remote-sources"):
            for limit in (-1, 10_001, 2**63 - 1):
                answer = await http.get(f"{PREFIX}/{path}?limit={limit}")
                assert answer.status_code == 400
                assert answer.json()[0]["message"].startswith("limit: Expected `int`")
            assert (await http.get(f"{PREFIX}/{path}?limit=10000")).status_code == 200
