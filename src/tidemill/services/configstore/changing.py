"""Putting groups and projects into the tree: every check, in the reference's order."""

from datetime import datetime
from typing import Any

from tidemill.contracts.configstore import NewProject, NewProjectGroup, ProjectUpdate
from tidemill.contracts.remote_sources import BUILTIN
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.errors import BadRequest, Failure
from tidemill.kit.db import AnyRow, Transaction
from tidemill.services.configstore import finding
from tidemill.services.configstore.noting import a_group, a_project, given, note
from tidemill.services.configstore.store import groups, projects
from tidemill.services.configstore.store.groups import Place


async def add_group(tx: Transaction, request: NewProjectGroup, id: str, now: datetime) -> Place:
    """Create a project group."""
    parent = await finding.parent(tx, request.parent)
    if not is_valid_name(request.name):
        raise BadRequest(
            f"{request.name!r} cannot be a project group's name: {NAME_RULE}", code="invalidProjectGroupName"
        )
    finding.check_visibility(request.visibility, "invalidVisibility")
    await hold(tx, parent, request.parent)
    check_depth(parent, 1)
    if not await groups.add(
        tx, id=id, parent_id=parent.id, name=request.name, visibility=request.visibility, now=now
    ):
        raise is_taken(parent, request.name)
    made = await finding.group(tx, id)
    await note(tx, now, "projectgroup.create", a_group(made))
    return made


async def add_project(tx: Transaction, request: NewProject, id: str, now: datetime) -> tuple[AnyRow, Place]:
    """Create a project."""
    parent = await finding.parent(tx, request.parent)
    _check_name(request.name)
    if not request.remote_source:
        raise BadRequest(
            f"remote_source_name is empty; name one, such as {BUILTIN!r}", code="invalidRemoteSourceName"
        )
    if not request.repo_path and request.remote_source != BUILTIN:
        raise BadRequest("repo_path is empty; name the repository", code="invalidRepoPath")
    await hold(tx, parent, request.parent)
    await _check_free(tx, parent, request.name)
    source = await finding.remote_source(tx, request.remote_source)
    if source.type != BUILTIN:
        raise BadRequest(
            f"projects on a {source.type} come with a later version; so far they are on {BUILTIN!r}",
            code="remoteSourceNotSupported",
        )
    if request.repo_path not in ("", f"{parent.path}/{request.name}"):
        raise BadRequest(
            f"on {BUILTIN!r} a project's repository is at the project's own path; leave repo_path out",
            code="invalidRepoPath",
        )
    finding.check_visibility(request.visibility)
    check_members(parent, members_may=request.members_can_perform_run_actions)
    await projects.add(
        tx,
        {
            "id": id,
            "parent_id": parent.id,
            "name": request.name,
            "visibility": request.visibility,
            "remote_source_id": source.id,
            "repo_path": "",
            "pass_vars_to_forked_pr": request.pass_vars_to_forked_pr,
            "members_can_perform_run_actions": request.members_can_perform_run_actions,
            "created_at": now,
        },
    )
    row, place = await finding.project(tx, id)
    await note(tx, now, "project.create", a_project(row, place))
    return row, place


async def update_project(
    tx: Transaction, ref: str, request: ProjectUpdate, now: datetime
) -> tuple[AnyRow, Place]:
    """Rename, move or change a project."""
    row, place = await finding.project(tx, ref)
    if not await projects.lock(tx, row.id):
        raise finding.no_project(ref)
    row, place = await finding.project(tx, row.id)
    name = row.name if request.name is None else request.name
    _check_name(name)
    if request.visibility is not None:
        finding.check_visibility(request.visibility)
    parent = place if request.parent is None else await finding.parent(tx, request.parent)
    if (parent.id, name) != (place.id, row.name):
        await hold(tx, parent, parent.path)
        await _check_free(tx, parent, name)
    members_may = request.members_can_perform_run_actions
    members_may = row.members_can_perform_run_actions if members_may is None else members_may
    check_members(parent, members_may=members_may)
    changes: dict[str, Any] = {
        "name": name,
        "parent_id": parent.id,
        "visibility": request.visibility,
        "pass_vars_to_forked_pr": request.pass_vars_to_forked_pr,
        "members_can_perform_run_actions": request.members_can_perform_run_actions,
    }
    await projects.change(tx, row.id, {key: value for key, value in changes.items() if value is not None})
    await note(tx, now, "project.update", a_project(row, place), given(request))
    return await finding.project(tx, row.id)


async def hold(tx: Transaction, parent: Place, ref: str) -> None:
    """Let names in *parent* be given one at a time, so that a check of them holds until the commit."""
    if not await groups.lock(tx, parent.id):
        raise finding.no_parent(ref)


async def _check_free(tx: Transaction, parent: Place, name: str) -> None:
    if await projects.in_group(tx, parent.id, name) is not None:
        raise BadRequest(
            f"there is a project {name!r} in {parent.path!r} already", code="projectAlreadyExists"
        )


def check_depth(parent: Place, levels: int) -> None:
    """Refuse so many levels of groups below *parent*."""
    if parent.path.count("/") - 1 + levels > groups.MOST_LEVELS:
        raise BadRequest(f"project groups are nested at most {groups.MOST_LEVELS} deep")


def is_taken(parent: Place, name: str) -> Failure:
    """What is said of a group's name that its parent has given already."""
    return BadRequest(
        f"there is a project group {name!r} in {parent.path!r} already", code="projectGroupAlreadyExists"
    )


def _check_name(name: str) -> None:
    if not is_valid_name(name):
        raise BadRequest(f"{name!r} cannot be a project's name: {NAME_RULE}", code="invalidProjectName")


def check_members(parent: Place, *, members_may: bool) -> None:
    """Refuse to let members act on runs below *parent* where there are no members."""
    if members_may and parent.owner_kind == "user":
        raise BadRequest(
            "members_can_perform_run_actions: a user's project has no members; set it to false",
            code="cannotSetMembersCanPerformRunActionsOnUserProject",
        )
