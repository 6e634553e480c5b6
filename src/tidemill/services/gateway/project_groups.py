"""Project groups of the public API: folders of projects, with an owner and a visibility that go down."""

from functools import partial

from tidemill.contracts.configstore import (
    Configstore,
    NewProjectGroup,
    ProjectGroup,
    ProjectGroupUpdate,
)
from tidemill.contracts.gateway.projects import (
    CreateProjectGroupRequest,
    ProjectGroupResponse,
    ProjectGroupRoutes,
    ProjectResponse,
    UpdateProjectGroupRequest,
)
from tidemill.core.permissions import Action
from tidemill.errors import BadRequest
from tidemill.services.gateway.door import current_caller, thing
from tidemill.services.gateway.parents import (
    check_name,
    check_visibility,
    found_parent,
    root_of,
    something_of,
)
from tidemill.services.gateway.projects import shown_project
from tidemill.services.gateway.removing import Removing


class ProjectGroups(ProjectGroupRoutes):
    """Where projects stand."""

    def __init__(self, configstore: Configstore, removing: Removing) -> None:
        self._configstore = configstore
        self._removing = removing

    async def project_group(self, projectgroupref: str) -> ProjectGroupResponse:
        return _shown(await self._found(projectgroupref, Action.VIEW_GROUP))

    async def project_group_subgroups(self, projectgroupref: str) -> tuple[ProjectGroupResponse, ...]:
        group = await self._found(projectgroupref, Action.VIEW_GROUP)
        caller = current_caller()
        children = (await self._configstore.group_subgroups(group.id)).groups
        return tuple(_shown(child) for child in children if caller.may(Action.VIEW_GROUP, thing(child)))

    async def project_group_projects(self, projectgroupref: str) -> tuple[ProjectResponse, ...]:
        group = await self._found(projectgroupref, Action.VIEW_GROUP)
        caller = current_caller()
        children = (await self._configstore.group_projects(group.id)).projects
        seen = (child for child in children if caller.may(Action.VIEW_PROJECT, thing(child)))
        return tuple(shown_project(child) for child in seen)

    async def create_project_group(self, request: CreateProjectGroupRequest) -> ProjectGroupResponse:
        caller = current_caller()
        caller.require(Action.CREATE_GROUP, something_of(caller))
        check_name(request.name)
        parent = await found_parent(self._configstore, request.parent_ref or root_of(caller))
        caller.require(Action.CREATE_GROUP, thing(parent))
        made = await self._configstore.create_project_group(
            NewProjectGroup(name=request.name, parent=parent.id, visibility=request.visibility)
        )
        return _shown(made)

    async def update_project_group(
        self, projectgroupref: str, request: UpdateProjectGroupRequest
    ) -> ProjectGroupResponse:
        group = await self._found(projectgroupref, Action.CHANGE_GROUP)
        if request.name is not None and group.name:
            check_name(request.name, "invalidProjectGroupName")
        if request.visibility is not None:
            check_visibility(request.visibility, "invalidVisibility")
        parent = None
        if request.parent_ref is not None:
            parent = await found_parent(self._configstore, request.parent_ref)
            current_caller().require(Action.CHANGE_GROUP, thing(parent))
        changes = ProjectGroupUpdate(
            name=request.name, visibility=request.visibility, parent=parent.id if parent else None
        )
        return _shown(await self._configstore.update_project_group(group.id, changes))

    async def delete_project_group(self, projectgroupref: str) -> None:
        group = await self._found(projectgroupref, Action.CHANGE_GROUP)
        if not group.name:
            raise BadRequest(f"{group.path!r} is a root group; it goes with its owner alone")
        await self._removing.with_all(
            partial(self._configstore.projects_below, group.id),
            partial(self._configstore.delete_project_group, group.id),
        )

    async def _found(self, ref: str, action: Action) -> ProjectGroup:
        group = await self._configstore.project_group(ref)
        current_caller().require(action, thing(group))
        return group


def _shown(group: ProjectGroup) -> ProjectGroupResponse:
    return ProjectGroupResponse(
        id=group.id,
        name=group.name,
        path=group.path,
        parent_path=group.parent_path,
        visibility=group.visibility,
        global_visibility=group.global_visibility,
    )
