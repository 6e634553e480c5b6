"""Projects of the public API."""

import re
from collections.abc import Callable

from tidemill.contracts.configstore import (
    Configstore,
    NewProject,
    Project,
    ProjectUpdate,
)
from tidemill.contracts.gateway.projects import (
    CreatedRun,
    CreatedRuns,
    CreateProjectRequest,
    ProjectCreateRunRequest,
    ProjectResponse,
    ProjectRoutes,
    PushedRef,
    Pushes,
    PushResponse,
    UpdateProjectRequest,
)
from tidemill.contracts.gitserver import Gitserver
from tidemill.core.context import Event
from tidemill.core.permissions import Action
from tidemill.core.refs import Ref, branch, parse_ref, tag
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.kit.contract import current_call
from tidemill.kit.db import Database
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import current_caller, thing
from tidemill.services.gateway.paging import LONGEST_PAGE, page_size
from tidemill.services.gateway.parents import (
    check_name,
    check_visibility,
    found_parent,
    root_of,
    something_of,
)
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

    async def project(self, projectref: str) -> ProjectResponse:
        project = await self._configstore.project(projectref)
        current_caller().require(Action.VIEW_PROJECT, thing(project))
        return shown_project(project, await self._default_branch(project))

    async def create_project(self, request: CreateProjectRequest) -> ProjectResponse:
        caller = current_caller()
        caller.require(Action.CREATE_PROJECT, something_of(caller))
        parent = await found_parent(self._configstore, request.parent_ref or root_of(caller))
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
        return shown_project(made)

    async def update_project(self, projectref: str, request: UpdateProjectRequest) -> ProjectResponse:
        project = await self._changeable(projectref)
        if request.name is not None:
            check_name(request.name)
        if request.visibility is not None:
            check_visibility(request.visibility)
        parent = None
        if request.parent_ref is not None:
            parent = await found_parent(self._configstore, request.parent_ref)
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
        return shown_project(changed)

    async def delete_project(self, projectref: str) -> None:
        project = await self._changeable(projectref)
        async with self._removing.of([project.id]):
            await self._configstore.delete_project(project.id)

    async def reconfigure_project(self, projectref: str) -> None:
        await self._changeable(projectref)

    async def update_project_linked_account(self, projectref: str) -> ProjectResponse:
        project = await self._configstore.project(projectref)
        current_caller().require(Action.USE_OWN_ACCOUNT, thing(project))
        return shown_project(project, await self._default_branch(project))

    async def refresh_project(self, projectref: str) -> ProjectResponse:
        project = await self._changeable(projectref)
        try:
            found = (await self._gitserver.default_branch(project.id)).name
        except NotFound:  # nothing was pushed yet
            found = ""
        return shown_project(project, found)

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

    async def _changeable(self, ref: str) -> Project:
        project = await self._configstore.project(ref)
        current_caller().require(Action.CHANGE_PROJECT, thing(project))
        return project

    async def _default_branch(self, project: Project) -> str:
        """What a clone checks out; "" as long as there is no repository or nobody to say so."""
        try:
            return (await self._gitserver.default_branch(project.id)).name
        except Failure:
            return ""


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


def shown_project(project: Project, default_branch: str = "") -> ProjectResponse:
    """A project as the public API shows it."""
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
