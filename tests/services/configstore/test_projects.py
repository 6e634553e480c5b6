"""Project groups and projects: where they stand, who may see them, how they change."""

import asyncio

import pytest

from tidemill.contracts.configstore import NewProject, NewProjectGroup, NewUser, ProjectUpdate
from tidemill.errors import Failure
from tidemill.services.configstore import ConfigstoreService

pytestmark = pytest.mark.anyio

NOBODY = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


@pytest.fixture
async def store(configstore: ConfigstoreService) -> ConfigstoreService:
    """A configstore with alice, who has a private group in a public one, and bob."""
    await configstore.create_user(NewUser(name="alice"))
    await configstore.create_user(NewUser(name="bob"))
    await configstore.create_project_group(NewProjectGroup(name="tools", parent="user/alice"))
    await configstore.create_project_group(
        NewProjectGroup(name="inner", parent="user/alice/tools", visibility="private")
    )
    return configstore


async def code(call: object) -> str:
    with pytest.raises(Failure) as caught:
        await call  # type: ignore[misc]
    return caught.value.code


async def test_a_project_is_found_by_id_and_by_path(store: ConfigstoreService) -> None:
    """Its repository on the built-in source is at its own path."""
    made = await store.create_project(NewProject(name="hello", parent="user/alice/tools"))
    assert made == await store.project("user/alice/tools/hello") == await store.project(made.id)
    assert (made.path, made.parent_path) == ("user/alice/tools/hello", "user/alice/tools")
    assert (made.remote_source, made.repo_path) == ("builtin", made.path)
    assert made.owner == (await store.user("alice")).id


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("hello", "projectDoesNotExist"),
        (NOBODY, "projectDoesNotExist"),
        ("user/alice/hello", "projectDoesNotExist"),
        ("user/alice/none/hello", "projectDoesNotExist"),
        ("user/alice/a\0b", "projectDoesNotExist"),
        ("user/alice/", "projectDoesNotExist"),
        ("user/carol/hello", "userDoesNotExist"),
        ("user/alice", "invalidPath"),
        ("team/alice/hello", "invalidPath"),
        ("org/acme/hello", "organizationDoesNotExist"),
    ],
)
async def test_a_project_that_is_not_there(store: ConfigstoreService, ref: str, expected: str) -> None:
    """Each part of a path that is missing has the reference's code."""
    assert await code(store.project(ref)) == expected


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("tools", "projectGroupDoesNotExist"),
        (NOBODY, "projectGroupDoesNotExist"),
        ("user/alice/none", "projectGroupDoesNotExist"),
        ("user/carol", "userDoesNotExist"),
        ("group/x", "invalidPath"),
    ],
)
async def test_a_group_that_is_not_there(store: ConfigstoreService, ref: str, expected: str) -> None:
    """The same for groups; as a parent whatever is missing is the parent."""
    assert await code(store.project_group(ref)) == expected
    parent = expected if expected == "invalidPath" else "parentProjectGroupDoesNotExist"
    assert await code(store.create_project(NewProject(name="x", parent=ref))) == parent
    assert await code(store.create_project_group(NewProjectGroup(name="x", parent=ref))) == parent


async def test_private_is_inherited(store: ConfigstoreService) -> None:
    """A public project in a private group is not seen by everybody."""
    hidden = await store.create_project(NewProject(name="hidden", parent="user/alice/tools/inner"))
    assert (hidden.visibility, hidden.global_visibility) == ("public", "private")
    moved = await store.update_project(hidden.id, ProjectUpdate(parent="user/alice/tools"))
    assert moved.global_visibility == "public"
    closed = await store.update_project(hidden.id, ProjectUpdate(visibility="private"))
    assert (closed.visibility, closed.global_visibility) == ("private", "private")
    inner = await store.project_group("user/alice/tools/inner")
    assert (inner.path, inner.parent_path, inner.global_visibility) == (
        "user/alice/tools/inner",
        "user/alice/tools",
        "private",
    )


async def test_children_are_listed_by_name(store: ConfigstoreService) -> None:
    """Direct children only."""
    for name in ("b", "a"):
        await store.create_project(NewProject(name=name, parent="user/alice"))
    await store.create_project(NewProject(name="deep", parent="user/alice/tools"))
    assert [p.name for p in (await store.group_projects("user/alice")).projects] == ["a", "b"]
    assert [g.name for g in (await store.group_subgroups("user/alice")).groups] == ["tools"]
    assert [g.path for g in (await store.group_subgroups("user/alice/tools")).groups] == [
        "user/alice/tools/inner"
    ]
    assert [p.path for p in (await store.user_projects("alice")).projects] == [
        "user/alice/a",
        "user/alice/b",
        "user/alice/tools/deep",
    ]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"name": "a_b"}, "invalidProjectName"),
        ({"name": ""}, "invalidProjectName"),
        ({"remote_source": ""}, "invalidRemoteSourceName"),
        ({"remote_source": "github"}, "invalidRepoPath"),
        ({"remote_source": "github", "repo_path": "a/b"}, "remoteSourceDoesNotExist"),
        ({"repo_path": "user/bob/hello"}, "invalidRepoPath"),
        ({"visibility": "secret"}, "badRequest"),
        ({"visibility": ""}, "badRequest"),
        (
            {"members_can_perform_run_actions": True},
            "cannotSetMembersCanPerformRunActionsOnUserProject",
        ),
        ({"name": "a_b", "remote_source": "", "visibility": ""}, "invalidProjectName"),
        ({"name": "taken", "visibility": ""}, "projectAlreadyExists"),
    ],
)
async def test_a_wrong_project_is_refused(
    store: ConfigstoreService, wrong: dict[str, str], expected: str
) -> None:
    """With the reference's codes, in the reference's order; nothing is created."""
    await store.create_project(NewProject(name="taken", parent="user/alice"))
    request = {"name": "hello", "parent": "user/alice"} | wrong
    assert await code(store.create_project(NewProject(**request))) == expected
    assert len((await store.group_projects("user/alice")).projects) == 1


async def test_the_own_path_may_be_said(store: ConfigstoreService) -> None:
    """On the built-in source `repo_path` may be the project's own path, and follows it."""
    path = "user/alice/hello"
    made = await store.create_project(NewProject(name="hello", parent="user/alice", repo_path=path))
    assert made.repo_path == path
    renamed = await store.update_project(made.id, ProjectUpdate(name="ciao"))
    assert renamed.repo_path == "user/alice/ciao"


async def test_a_name_is_given_once_in_a_group(store: ConfigstoreService) -> None:
    """Of many creations and renamings at once one wins, and nobody sees a collision."""
    others = [await store.create_project(NewProject(name=f"other{n}", parent="user/alice")) for n in range(4)]
    creations = [store.create_project(NewProject(name="hello", parent="user/alice")) for _ in range(4)]
    renamings = [store.update_project(other.id, ProjectUpdate(name="hello")) for other in others]
    answers = await asyncio.gather(*creations, *renamings, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 7
    assert {getattr(error, "code", error) for error in refused} == {"projectAlreadyExists"}


async def test_a_project_is_renamed_and_moved(store: ConfigstoreService) -> None:
    """The old path is free, the id stays; a move to where the name is taken is refused."""
    made = await store.create_project(NewProject(name="hello", parent="user/alice"))
    moved = await store.update_project(
        "user/alice/hello", ProjectUpdate(name="ciao", parent="user/alice/tools")
    )
    assert (moved.id, moved.path) == (made.id, "user/alice/tools/ciao")
    assert await code(store.project("user/alice/hello")) == "projectDoesNotExist"
    assert (await store.update_project(made.id, ProjectUpdate(name="ciao"))).path == moved.path
    await store.create_project(NewProject(name="ciao", parent="user/alice"))
    again = ProjectUpdate(parent="user/alice")
    assert await code(store.update_project(made.id, again)) == "projectAlreadyExists"
    assert (await store.project(made.id)).path == moved.path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (ProjectUpdate(name="a_b"), "invalidProjectName"),
        (ProjectUpdate(visibility="secret"), "badRequest"),
        (ProjectUpdate(parent="user/alice/none"), "parentProjectGroupDoesNotExist"),
        (
            ProjectUpdate(members_can_perform_run_actions=True),
            "cannotSetMembersCanPerformRunActionsOnUserProject",
        ),
    ],
)
async def test_a_wrong_change_is_refused(
    store: ConfigstoreService, change: ProjectUpdate, expected: str
) -> None:
    """Nothing of it is kept."""
    made = await store.create_project(NewProject(name="hello", parent="user/alice"))
    assert await code(store.update_project(made.id, change)) == expected
    assert await store.project(made.id) == made


async def test_flags_change_alone(store: ConfigstoreService) -> None:
    """What is None stays; an empty change changes nothing."""
    made = await store.create_project(NewProject(name="hello", parent="user/alice", visibility="private"))
    changed = await store.update_project(made.id, ProjectUpdate(pass_vars_to_forked_pr=True))
    assert changed.pass_vars_to_forked_pr
    assert changed.visibility == "private"
    assert await store.update_project(made.id, ProjectUpdate()) == changed


async def test_a_deleted_project_is_gone(store: ConfigstoreService) -> None:
    """Deleting again says so."""
    made = await store.create_project(NewProject(name="hello", parent="user/alice"))
    await store.delete_project("user/alice/hello")
    assert await code(store.project(made.id)) == "projectDoesNotExist"
    assert await code(store.delete_project(made.id)) == "projectDoesNotExist"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"name": "a_b"}, "invalidProjectGroupName"),
        ({"visibility": ""}, "invalidVisibility"),
        ({"name": "tools"}, "projectGroupAlreadyExists"),
    ],
)
async def test_a_wrong_group_is_refused(
    store: ConfigstoreService, wrong: dict[str, str], expected: str
) -> None:
    """With the reference's codes."""
    request = {"name": "new", "parent": "user/alice"} | wrong
    assert await code(store.create_project_group(NewProjectGroup(**request))) == expected


async def test_groups_nest_deeply(store: ConfigstoreService) -> None:
    """There is no limit to the depth, and the same name may stand at each level."""
    path = "user/bob"
    for _ in range(20):
        path = (await store.create_project_group(NewProjectGroup(name="down", parent=path))).path
    made = await store.create_project(NewProject(name="deep", parent=path))
    assert (await store.project(made.path)).id == made.id
    assert (await store.project(made.id)).path == "user/bob/" + "down/" * 20 + "deep"
