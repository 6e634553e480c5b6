"""Project groups and projects of the public API."""

import re
from collections.abc import Callable

from tidemill.contracts.configstore import (
    Configstore,
    NewProject,
    NewProjectGroup,
    Project,
    ProjectGroup,
    ProjectUpdate,
)
from tidemill.contracts.gateway.projects import (
    CreatedRun,
    CreatedRuns,
    CreateProjectGroupRequest,
    CreateProjectRequest,
    ProjectCreateRunRequest,
    ProjectGroupResponse,
    ProjectResponse,
    ProjectRoutes,
    PushedRef,
    Pushes,
    PushResponse,
    UpdateProjectRequest,
)
from tidemill.contracts.gitserver import Gitserver
from tidemill.core.context import Event
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.core.permissions import Action, Thing
from tidemill.core.refs import Ref, branch, parse_ref, tag
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.contract import current_call
from tidemill.kit.db import Database
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import Caller, current_caller, thing
from tidemill.services.gateway.paging import LONGEST_PAGE, page_size
from tidemill.services.gateway.removing import Removing
from tidemill.services.gateway.store import inbox
from tidemill.services.gateway.store.inbox import PushRecord
from tidemill.services.gateway.triggering import Cause, Triggering

_HASH = re.compile("[0-9a-fA-F]+")


class Projects(ProjectRoutes):
    """What people build, and where it stands."""

    def __init__(
        self,
        db: Database,
        configstore: Configstore,
        gitserver: Gitserver,
        triggering: Triggering,
        removing: Removing,
        *,
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._configstore = configstore
        self._gitserver = gitserver
        self._triggering = triggering
        self._removing = removing
        self._new_id = new_id

    async def project_group(self, projectgroupref: str) -> ProjectGroupResponse:
        return _group(await self._visible_group(projectgroupref))

    async def project_group_subgroups(self, projectgroupref: str) -> tuple[ProjectGroupResponse, ...]:
        group = await self._visible_group(projectgroupref)
        caller = current_caller()
        children = (await self._configstore.group_subgroups(group.id)).groups
        return tuple(_group(child) for child in children if caller.may(Action.VIEW_GROUP, thing(child)))

    async def project_group_projects(self, projectgroupref: str) -> tuple[ProjectResponse, ...]:
        group = await self._visible_group(projectgroupref)
        caller = current_caller()
        children = (await self._configstore.group_projects(group.id)).projects
        return tuple(_project(child) for child in children if caller.may(Action.VIEW_PROJECT, thing(child)))

    async def create_project_group(self, request: CreateProjectGroupRequest) -> ProjectGroupResponse:
        caller = current_caller()
        caller.require(Action.CREATE_GROUP, _anything_of(caller))
        _check_name(request.name)
        parent = await self._parent(request.parent_ref or _root_of(caller))
        caller.require(Action.CREATE_GROUP, thing(parent))
        made = await self._configstore.create_project_group(
            NewProjectGroup(name=request.name, parent=parent.id, visibility=request.visibility)
        )
        return _group(made)

    async def project(self, projectref: str) -> ProjectResponse:
        project = await self._configstore.project(projectref)
        current_caller().require(Action.VIEW_PROJECT, thing(project))
        return _project(project, await self._default_branch(project))

    async def create_project(self, request: CreateProjectRequest) -> ProjectResponse:
        caller = current_caller()
        caller.require(Action.CREATE_PROJECT, _anything_of(caller))
        parent = await self._parent(request.parent_ref or _root_of(caller))
        caller.require(Action.CREATE_PROJECT, thing(parent))
        made = await self._configstore.create_project(
            NewProject(
                name=request.name,
                parent=parent.id,
                visibility=request.visibility,
                remote_source=request.remote_source_name,
                repo_path=request.repo_path,
                pass_vars_to_forked_pr=request.pass_vars_to_forked_pr,
                members_can_perform_run_actions=request.members_can_perform_run_actions,
            )
        )
        return _project(made)

    async def update_project(self, projectref: str, request: UpdateProjectRequest) -> ProjectResponse:
        project = await self._changeable(projectref)
        if request.name is not None:
            _check_name(request.name)
        if request.visibility is not None:
            _check_visibility(request.visibility)
        parent = None
        if request.parent_ref is not None:
            parent = await self._parent(request.parent_ref)
            current_caller().require(Action.CHANGE_PROJECT, thing(parent))
        changed = await self._configstore.update_project(
            project.id,
            ProjectUpdate(
                name=request.name,
                parent=parent.id if parent else None,
                visibility=request.visibility,
                pass_vars_to_forked_pr=request.pass_vars_to_forked_pr,
                members_can_perform_run_actions=request.members_can_perform_run_actions,
            ),
        )
        return _project(changed)

    async def delete_project(self, projectref: str) -> None:
        project = await self._changeable(projectref)
        async with self._removing.of([project.id]):
            await self._configstore.delete_project(project.id)

    async def create_project_run(
        self, projectref: str, request: ProjectCreateRunRequest
    ) -> CreatedRuns | None:
        project = await self._configstore.project(projectref)
        current_caller().require(Action.CREATE_RUN, thing(project))
        ref = _one_ref(request)
        if request.commit_sha:
            _check_commit(request.commit_sha)
            await self._gitserver.commit(project.id, ref.full)  # the ref is there, whatever it points to
        cause = Cause(
            key=self._new_id(),
            trigger="manual",
            event=Event.MANUAL,
            ref=ref,
            revision=request.commit_sha or ref.full,
        )
        triggered = await self._triggering.trigger(project, cause)
        if not triggered.is_configured:
            raise BadRequest("; ".join(triggered.notes), code="noConfiguration")
        if not current_call().accept:
            return None
        runs = tuple(CreatedRun(number=run.number, name=run.name, phase=run.phase) for run in triggered.runs)
        return CreatedRuns(runs=runs, notes=triggered.notes)

    async def project_pushes(self, projectref: str, limit: str = "", cursor: str = "") -> Pushes:
        size = page_size(limit) or LONGEST_PAGE
        project = await self._configstore.project(projectref)
        current_caller().require(Action.LIST_RUNS, thing(project))
        records = await self._db.read(lambda tx: inbox.recent(tx, project.id, size + 1, cursor))
        shown = tuple(_push(record) for record in records[:size])
        return Pushes(shown, cursor=shown[-1].id if len(records) > size else "")

    async def _visible_group(self, ref: str) -> ProjectGroup:
        group = await self._configstore.project_group(ref)
        current_caller().require(Action.VIEW_GROUP, thing(group))
        return group

    async def _changeable(self, ref: str) -> Project:
        project = await self._configstore.project(ref)
        current_caller().require(Action.CHANGE_PROJECT, thing(project))
        return project

    async def _parent(self, ref: str) -> ProjectGroup:
        """The group that something is to be put into; whatever of its path is missing, the parent is."""
        try:
            return await self._configstore.project_group(ref)
        except NotFound as error:
            raise NotFound(error.message, code="parentProjectGroupDoesNotExist") from error

    async def _default_branch(self, project: Project) -> str:
        """What a clone checks out; "" as long as there is no repository or nobody to say so."""
        try:
            return (await self._gitserver.default_branch(project.id)).name
        except Failure:
            return ""


def _anything_of(caller: Caller) -> Thing:
    """Something of the caller's own: what they may not even do there they may do nowhere."""
    return Thing(owner=caller.actor.user_id, is_public=True)


def _root_of(caller: Caller) -> str:
    return f"user/{caller.user.name}" if caller.user else ""


def _check_name(name: str) -> None:
    """The reference looks at names before parents, and calls a group's name a project's."""
    if not is_valid_name(name):
        raise BadRequest(f"{name!r} cannot be a name: {NAME_RULE}", code="invalidProjectName")


def _check_visibility(text: str) -> None:
    if text not in ("public", "private"):
        raise BadRequest(f"visibility {text!r} is neither public nor private")


def _one_ref(request: ProjectCreateRunRequest) -> Ref:
    given = [text for text in (request.branch, request.tag, request.ref) if text]
    if len(given) != 1:
        raise BadRequest("give exactly one of branch, tag and ref")
    if request.branch:
        return branch(request.branch)
    if request.tag:
        return tag(request.tag)
    ref = parse_ref(request.ref)
    if ref is None:
        raise BadRequest(f"runs are made of refs/heads/… and refs/tags/…, not of {request.ref!r}")
    return ref


def _check_commit(text: str) -> None:
    """A ref in its place would make a run that says it is of one branch and has the commit of another."""
    if not _HASH.fullmatch(text):
        raise BadRequest(
            f"commit_sha {text!r} is not the hash of a commit; name a ref with branch, tag or ref"
        )


def _group(group: ProjectGroup) -> ProjectGroupResponse:
    return ProjectGroupResponse(
        id=group.id,
        name=group.name,
        path=group.path,
        parent_path=group.parent_path,
        visibility=group.visibility,
        global_visibility=group.global_visibility,
    )


def _project(project: Project, default_branch: str = "") -> ProjectResponse:
    return ProjectResponse(
        id=project.id,
        name=project.name,
        path=project.path,
        parent_path=project.parent_path,
        visibility=project.visibility,
        global_visibility=project.global_visibility,
        pass_vars_to_forked_pr=project.pass_vars_to_forked_pr,
        default_branch=default_branch,
        members_can_perform_run_actions=project.members_can_perform_run_actions,
    )


def _push(record: PushRecord) -> PushResponse:
    return PushResponse(
        id=record.id,
        pusher=record.pusher,
        received_at=go_time(record.received_at) or "",
        refs=tuple(
            PushedRef(
                ref=item.ref,
                old=item.old,
                new=item.new,
                state=item.state,
                runs=tuple(run.number for run in item.runs),
                note=item.note,
                code=item.code,
            )
            for item in record.items
        ),
    )
