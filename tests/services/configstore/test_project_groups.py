"""Project groups: renamed, moved and deleted with everything below them, also by many at once."""

import asyncio
from itertools import pairwise

import pytest
from sqlalchemy import select

from tidemill.contracts.configstore import (
    NewProject,
    NewProjectGroup,
    NewUser,
    ProjectGroupUpdate,
    ProjectIds,
    ProjectUpdate,
)
from tidemill.contracts.secrets import SecretData
from tidemill.errors import Failure
from tidemill.kit.db import Database
from tidemill.services.configstore import ConfigstoreService
from tidemill.services.configstore.store.groups import MOST_LEVELS
from tidemill.services.configstore.store.tables import project_groups, projects, secrets

pytestmark = pytest.mark.anyio

TOOLS, INNER = "user/alice/tools", "user/alice/tools/inner"


@pytest.fixture
async def store(configstore: ConfigstoreService) -> ConfigstoreService:
    """A configstore with alice, who has two groups in one another with a project in each, and bob."""
    await configstore.create_user(NewUser(name="alice"))
    await configstore.create_user(NewUser(name="bob"))
    await group(configstore, "user/alice", "tools")
    await group(configstore, TOOLS, "inner", "private")
    await configstore.create_project(NewProject(name="p", parent=TOOLS))
    await configstore.create_project(NewProject(name="q", parent=INNER))
    return configstore


async def group(store: ConfigstoreService, parent: str, name: str, visibility: str = "public") -> str:
    request = NewProjectGroup(name=name, parent=parent, visibility=visibility)
    return (await store.create_project_group(request)).id


async def code(call: object) -> tuple[int, str]:
    with pytest.raises(Failure) as caught:
        await call  # type: ignore[misc]
    return caught.value.status, caught.value.code


async def test_a_renamed_group_takes_what_is_below_along(store: ConfigstoreService) -> None:
    """Ids stay, paths change, the old ones are free."""
    tools, deep = await store.project_group(TOOLS), await store.project(f"{INNER}/q")
    renamed = await store.update_project_group(TOOLS, ProjectGroupUpdate(name="kit"))
    assert (renamed.id, renamed.path) == (tools.id, "user/alice/kit")
    assert (await store.project(deep.id)).path == "user/alice/kit/inner/q"
    assert await store.project("user/alice/kit/inner/q") == await store.project(deep.id)
    assert await code(store.project(f"{INNER}/q")) == (404, "projectDoesNotExist")
    await group(store, "user/alice", "tools")


async def test_a_moved_group_belongs_to_where_it_is(store: ConfigstoreService) -> None:
    """Owner and visibility are inherited anew; the same name may be given on the way."""
    change = ProjectGroupUpdate(parent="user/bob", name="gift")
    moved = await store.update_project_group(INNER, change)
    bob = (await store.user("bob")).id
    assert (moved.path, moved.parent_path, moved.owner) == ("user/bob/gift", "user/bob", bob)
    assert (await store.project("user/bob/gift/q")).owner == bob
    target = await store.project_group(TOOLS)
    await store.update_project_group(target.id, ProjectGroupUpdate(parent=moved.id))
    assert (await store.project("user/bob/gift/tools/p")).global_visibility == "private"
    opened = await store.update_project_group(moved.id, ProjectGroupUpdate(visibility="public"))
    assert (opened.visibility, opened.global_visibility) == ("public", "public")
    assert (await store.project("user/bob/gift/tools/p")).global_visibility == "public"


async def test_what_is_left_out_stays(store: ConfigstoreService) -> None:
    """Also when it is said to be as it is."""
    before = await store.project_group(INNER)
    same = ProjectGroupUpdate(name="inner", parent=TOOLS, visibility="private")
    for change in (ProjectGroupUpdate(), same):
        assert await store.update_project_group(before.id, change) == before


async def test_a_root_group_stays_where_and_what_it_is(store: ConfigstoreService) -> None:
    """Only who may see it changes."""
    for change, expected in (
        (ProjectGroupUpdate(name="x"), (400, "invalidProjectGroupName")),
        (ProjectGroupUpdate(parent=TOOLS), (400, "badRequest")),
        (ProjectGroupUpdate(parent="user/bob"), (400, "badRequest")),
        (ProjectGroupUpdate(parent="user/alice"), (400, "badRequest")),
    ):
        assert await code(store.update_project_group("user/alice", change)) == expected
    closed = await store.update_project_group("user/alice", ProjectGroupUpdate(name="", visibility="private"))
    assert (closed.path, closed.visibility) == ("user/alice", "private")
    assert (await store.project(f"{TOOLS}/p")).global_visibility == "private"
    removal = ProjectIds(projects=(await store.projects_below("user/alice")).projects)
    assert await code(store.delete_project_group("user/alice", removal)) == (400, "badRequest")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (ProjectGroupUpdate(name=""), (400, "invalidProjectGroupName")),
        (ProjectGroupUpdate(name="a_b", visibility="odd"), (400, "invalidProjectGroupName")),
        (ProjectGroupUpdate(visibility="odd", parent="user/none"), (400, "invalidVisibility")),
        (ProjectGroupUpdate(parent="user/alice/none"), (404, "parentProjectGroupDoesNotExist")),
        (ProjectGroupUpdate(parent=""), (404, "parentProjectGroupDoesNotExist")),
        (ProjectGroupUpdate(parent="user/none"), (404, "parentProjectGroupDoesNotExist")),
        (ProjectGroupUpdate(parent="team/x"), (400, "invalidPath")),
        (ProjectGroupUpdate(parent=TOOLS), (400, "badRequest")),
        (ProjectGroupUpdate(parent=INNER), (400, "badRequest")),
        (ProjectGroupUpdate(name="taken"), (400, "projectGroupAlreadyExists")),
        (ProjectGroupUpdate(parent="user/bob"), (400, "projectGroupAlreadyExists")),
    ],
)
async def test_a_wrong_change_is_refused(
    store: ConfigstoreService, change: ProjectGroupUpdate, expected: tuple[int, str]
) -> None:
    """With the reference's codes, in its order; nothing of it is kept."""
    await group(store, "user/alice", "taken")
    await group(store, "user/bob", "tools")
    before = await store.project_group(TOOLS)
    assert await code(store.update_project_group(TOOLS, change)) == expected
    assert await store.project_group(TOOLS) == before


async def test_groups_have_a_depth_at_which_they_end(store: ConfigstoreService) -> None:
    """Neither by creation nor by a move does anything get below it; what is there is found by its path."""
    path, parent = "user/bob", ""
    for _ in range(MOST_LEVELS):
        parent, path = path, f"{path}/d"
        await group(store, parent, "d")
    assert (await store.project_group(path)).parent_path == parent
    assert await code(store.create_project_group(NewProjectGroup(name="d", parent=path))) == (
        400,
        "badRequest",
    )
    for target in (path, parent):
        change = ProjectGroupUpdate(parent=target)
        assert await code(store.update_project_group(TOOLS, change)) == (400, "badRequest")
    await store.create_project(NewProject(name="end", parent=path))
    assert (await store.project(f"{path}/end")).parent_path == path
    assert await code(store.project(f"{path}/d/end")) == (404, "projectDoesNotExist")
    await store.delete_user("bob")


async def test_a_group_goes_with_everything_below_it(store: ConfigstoreService, db: Database) -> None:
    """Groups, projects, secrets; what is beside it stays."""
    await store.create_project(NewProject(name="beside", parent="user/alice"))
    await store.create_secret("project-groups", INNER, SecretData(name="s", data={"k": "v"}))
    below = await store.projects_below(TOOLS)
    assert len(below.projects) == 2
    await store.delete_project_group(TOOLS, below)
    names = await db.read(lambda tx: tx.all(select(projects.c.name)))
    assert [row.name for row in names] == ["beside"]
    assert await db.read(lambda tx: tx.all(select(secrets))) == []
    for ref in (TOOLS, INNER):
        assert await code(store.project_group(ref)) == (404, "projectGroupDoesNotExist")
    assert await code(store.delete_project_group(TOOLS, below)) == (404, "projectGroupDoesNotExist")
    roots = await db.read(lambda tx: tx.all(select(project_groups.c.id)))
    assert len(roots) == 2


async def test_a_project_that_nobody_expected_keeps_its_group(store: ConfigstoreService) -> None:
    """Its repository would be left behind."""
    below = await store.projects_below(TOOLS)
    late = await store.create_project(NewProject(name="late", parent=INNER))
    assert await code(store.delete_project_group(TOOLS, below)) == (409, "projectGroupChanged")
    assert (await store.project(late.id)).path == f"{INNER}/late"
    await store.delete_project_group(TOOLS, ProjectIds(projects=(*below.projects, late.id, "gone")))


async def test_of_moves_into_one_another_one_wins(store: ConfigstoreService) -> None:
    """At no depth, and across the trees of two owners, do groups end up inside themselves."""
    chain = ["user/alice/a", "user/alice/a/b", "user/bob/x", "user/bob/x/y"]
    for path in chain:
        await group(store, *path.rsplit("/", 1))
    ids = {path: (await store.project_group(path)).id for path in chain}
    await asyncio.gather(
        store.update_project_group(ids["user/alice/a"], ProjectGroupUpdate(parent=ids["user/bob/x/y"])),
        store.update_project_group(ids["user/bob/x"], ProjectGroupUpdate(parent=ids["user/alice/a/b"])),
        return_exceptions=True,
    )
    found = [await store.project_group(one) for one in ids.values()]
    assert {one.path.split("/")[1] for one in found} in ({"alice"}, {"bob"})


async def test_a_name_is_given_once_in_a_group(store: ConfigstoreService) -> None:
    """Of many creations, renamings and moves at once one wins, and nobody sees a collision."""
    others = [await group(store, "user/bob", f"other{n}") for n in range(3)]
    homes = [await group(store, "user/bob", f"home{n}") for n in range(3)]
    movers = [await group(store, home, "x") for home in homes]
    answers = await asyncio.gather(
        *(group(store, "user/bob", "x") for _ in range(3)),
        *(store.update_project_group(one, ProjectGroupUpdate(name="x")) for one in others),
        *(store.update_project_group(one, ProjectGroupUpdate(parent="user/bob")) for one in movers),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 8
    assert {getattr(error, "code", error) for error in refused} == {"projectGroupAlreadyExists"}


async def test_a_group_that_goes_takes_no_newcomer_with_it(store: ConfigstoreService) -> None:
    """Projects that are created or moved in at the same time are refused, or keep the group."""
    below = await store.projects_below(TOOLS)
    beside = await store.create_project(NewProject(name="beside", parent="user/alice"))
    answers = await asyncio.gather(
        store.delete_project_group(TOOLS, below),
        *(store.create_project(NewProject(name=f"n{n}", parent=INNER)) for n in range(3)),
        store.create_project_group(NewProjectGroup(name="new", parent=INNER)),
        store.update_project(beside.id, ProjectUpdate(parent=INNER)),
        return_exceptions=True,
    )
    codes = {answer.code for answer in answers if isinstance(answer, Failure)}
    assert all(
        answer is None or not isinstance(answer, Exception) or isinstance(answer, Failure)
        for answer in answers
    )
    assert codes <= {"projectGroupChanged", "parentProjectGroupDoesNotExist", "projectDoesNotExist"}
    is_gone = answers[0] is None
    if is_gone:
        assert (await store.project(beside.id)).path == "user/alice/beside"
        assert [p.name for p in (await store.user_projects("alice")).projects] == ["beside"]


async def test_a_project_moves_while_its_new_home_does(store: ConfigstoreService) -> None:
    """Whatever wins, it is found by the path that it says it has."""
    path = "user/alice/tools/p"
    for old, new in pairwise(["tools", "kit", "box", "tools"]):
        made = await store.project(path)
        await asyncio.gather(
            store.update_project_group(f"user/alice/{old}", ProjectGroupUpdate(name=new)),
            store.update_project(made.id, ProjectUpdate(name=f"p{new}")),
        )
        path = (await store.project(made.id)).path
        assert (await store.project(path)).id == made.id
        assert path == f"user/alice/{new}/p{new}"
