"""Project groups and projects, as the public API shows them."""

import msgspec

from tidemill.kit.contract import Contract, delete, get, post, put


class CreateProjectGroupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A project group to create; without a parent it goes into the caller's root group."""

    name: str = ""
    parent_ref: str = ""
    visibility: str = ""


class UpdateProjectGroupRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes to a project group; what is left out or null stays as it is."""

    name: str | None = None
    parent_ref: str | None = None
    visibility: str | None = None


class ProjectGroupResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A project group; the name of a root group is ""."""

    id: str
    name: str
    path: str
    parent_path: str
    visibility: str
    global_visibility: str


class CreateProjectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A project to create; without a parent it goes into the caller's root group."""

    name: str = ""
    parent_ref: str = ""
    visibility: str = ""
    repo_path: str = ""
    """May be left out on the remote source `builtin`."""
    remote_source_name: str = ""
    skip_ssh_host_key_check: bool = False
    pass_vars_to_forked_pr: bool = False
    members_can_perform_run_actions: bool = False


class UpdateProjectRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes to a project; what is left out or null stays as it is."""

    name: str | None = None
    parent_ref: str | None = None
    visibility: str | None = None
    pass_vars_to_forked_pr: bool | None = None
    members_can_perform_run_actions: bool | None = None


class ProjectResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A project; whatever is empty or false is left out."""

    id: str = ""
    name: str = ""
    path: str = ""
    parent_path: str = ""
    visibility: str = ""
    global_visibility: str = ""
    pass_vars_to_forked_pr: bool = False
    default_branch: str = ""
    """Filled where one project is asked for."""
    members_can_perform_run_actions: bool = False


class ProjectCreateRunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of branch, tag and ref; the ref's own commit unless another one is given."""

    branch: str = ""
    tag: str = ""
    ref: str = ""
    commit_sha: str = ""


class CreatedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Extension: a run that was made."""

    number: int
    name: str
    phase: str


class CreatedRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Extension: what came of asking for runs."""

    runs: tuple[CreatedRun, ...]
    notes: tuple[str, ...]
    """Why runs were not made."""


class PushedRef(msgspec.Struct, frozen=True, kw_only=True):
    """Extension: one ref that a push moved, and what came of it."""

    ref: str
    old: str
    new: str
    state: str
    """`pending`, `done`, or `failed` when it was set aside."""
    runs: tuple[int, ...]
    """Numbers of the runs that were made."""
    note: str
    """Why no run was made, or why it is still pending."""
    code: str
    """What became of it, as when it is explained; "" as long as it is pending."""


class PushResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Extension: a push, as a visible record of why it made runs or did not."""

    id: str
    pusher: str
    """The user's id."""
    received_at: str
    refs: tuple[PushedRef, ...]


class Pushes(msgspec.Struct, frozen=True):
    """Extension: pushes of a project, newest first."""

    pushes: tuple[PushResponse, ...]
    cursor: str = ""
    """Where the next page begins; empty on the last."""


class ProjectGroupRoutes(Contract):
    """Project groups. A *ref* is an id, or a path as one escaped segment."""

    @get("/projectgroups/{projectgroupref}")
    async def project_group(self, projectgroupref: str) -> ProjectGroupResponse:
        """404 `projectGroupDoesNotExist`."""

    @get("/projectgroups/{projectgroupref}/subgroups")
    async def project_group_subgroups(self, projectgroupref: str) -> tuple[ProjectGroupResponse, ...]:
        """Direct children that the caller may see."""

    @get("/projectgroups/{projectgroupref}/projects")
    async def project_group_projects(self, projectgroupref: str) -> tuple[ProjectResponse, ...]:
        """Direct children that the caller may see."""

    @post("/projectgroups", status=201)
    async def create_project_group(self, request: CreateProjectGroupRequest) -> ProjectGroupResponse:
        """404 `parentProjectGroupDoesNotExist`; 400 `invalidProjectName`, `projectGroupAlreadyExists`."""

    @put("/projectgroups/{projectgroupref}", status=201)
    async def update_project_group(
        self, projectgroupref: str, request: UpdateProjectGroupRequest
    ) -> ProjectGroupResponse:
        """For the owner, also of the parent group that it is moved to; a root group is only shown or hidden.

        404 `parentProjectGroupDoesNotExist`; 400 `invalidProjectGroupName`, `invalidVisibility`,
        `projectGroupAlreadyExists`, and for a place inside itself.
        """

    @delete("/projectgroups/{projectgroupref}", status=204)
    async def delete_project_group(self, projectgroupref: str) -> None:
        """For the owner; with all groups and projects below it. 400 for a root group.

        409 `projectGroupChanged` when projects are put into it all the time.
        """


class ProjectRoutes(Contract):
    """Projects. A *ref* is an id, or a path as one escaped segment."""

    @get("/projects/{projectref}")
    async def project(self, projectref: str) -> ProjectResponse:
        """404 `projectDoesNotExist`; 403 when it is private and not the caller's."""

    @post("/projects", status=201)
    async def create_project(self, request: CreateProjectRequest) -> ProjectResponse:
        """For the owner of the parent group; 400 `projectAlreadyExists` and what is invalid.

        404 `parentProjectGroupDoesNotExist`, `remoteSourceDoesNotExist`.
        """

    @put("/projects/{projectref}", status=201)
    async def update_project(self, projectref: str, request: UpdateProjectRequest) -> ProjectResponse:
        """For the owner, also of the parent group that it is moved to."""

    @delete("/projects/{projectref}", status=204)
    async def delete_project(self, projectref: str) -> None:
        """For the owner; the repository on `builtin` goes too, open runs are ended, and all go when over."""

    @put("/projects/{projectref}/reconfig", status=204)
    async def reconfigure_project(self, projectref: str) -> None:
        """For the owner; sets up keys and webhooks at the remote source anew. `builtin` needs none."""

    @put("/projects/{projectref}/updaterepolinkedaccount")
    async def update_project_linked_account(self, projectref: str) -> ProjectResponse:
        """For the owner, whose own linked account is used from now on. `builtin` needs none."""

    @post("/projects/{projectref}/refreshremoterepo")
    async def refresh_project(self, projectref: str) -> ProjectResponse:
        """For the owner; what the repository's default branch is now."""

    @post("/projects/{projectref}/createrun", status=201)
    async def create_project_run(
        self, projectref: str, request: ProjectCreateRunRequest
    ) -> CreatedRuns | None:
        """For the owner. The body is empty for clients that send no Accept header."""

    @get("/projects/{projectref}/pushes")
    async def project_pushes(self, projectref: str, limit: str = "", cursor: str = "") -> Pushes:
        """Extension: pushes, newest first, with the reason when one made no run."""
