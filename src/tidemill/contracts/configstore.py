"""What may be asked of the configstore: users, tokens, project groups, projects."""

from datetime import datetime
from typing import Literal

import msgspec

from tidemill.contracts.secrets import SecretCalls
from tidemill.core.permissions import MemberRole, OwnerKind
from tidemill.kit.contract import Page, PageLimit, delete, get, post, put

#: Bytes that a list of ids may have: those of 400,000 projects.
MOST_IDS = 16 * 1024 * 1024

Visibility = Literal["public", "private"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person with an account."""

    id: str
    name: str
    is_admin: bool = False
    is_disabled: bool = False
    """Nothing lets them in, as long as it is so; what is theirs stays."""
    token_names: tuple[str, ...] = ()
    """Sorted; left out where only a token is checked."""
    token_name: str = ""
    """Of the token that was checked."""
    memberships: dict[str, MemberRole] = {}
    """What they are in each of their organizations, by its id; filled where a token is checked."""


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user to create, with their root project group."""

    name: str
    is_admin: bool = False


class UserUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Changes to a user; None leaves as it is."""

    is_admin: bool | None = None
    is_disabled: bool | None = None


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A user token to create."""

    name: str


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A user token in clear; shown once, stored hashed."""

    token: str


class TokenCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A token that someone presented."""

    token: str


class ProjectGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of projects; a root group belongs to its user or organization and has the name ""."""

    id: str
    name: str
    path: str
    parent_path: str
    visibility: Visibility
    global_visibility: Visibility
    owner: str
    """The id of the user or organization whose root group it is under."""
    owner_kind: OwnerKind = "user"


class NewProjectGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A project group to create."""

    name: str
    parent: str
    """The parent's id or path."""
    visibility: str = "public"


class ProjectGroupUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Changes to a project group; None leaves as it is."""

    name: str | None = None
    parent: str | None = None
    visibility: str | None = None


class ProjectIds(msgspec.Struct, frozen=True, kw_only=True):
    """Projects, by their ids."""

    projects: tuple[str, ...]


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project; *global_visibility* is private as soon as it or anything above it is."""

    id: str
    name: str
    path: str
    parent_path: str
    visibility: Visibility
    global_visibility: Visibility
    owner: str
    owner_kind: OwnerKind = "user"
    remote_source: str
    repo_path: str
    created_at: datetime
    pass_vars_to_forked_pr: bool = False
    members_can_perform_run_actions: bool = False


class NewProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project to create; on the built-in remote source *repo_path* is the project's own path."""

    name: str
    parent: str
    visibility: str = "public"
    remote_source: str = "builtin"
    repo_path: str = ""
    pass_vars_to_forked_pr: bool = False
    members_can_perform_run_actions: bool = False


class ProjectUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Changes to a project; None leaves as it is."""

    name: str | None = None
    parent: str | None = None
    visibility: str | None = None
    pass_vars_to_forked_pr: bool | None = None
    members_can_perform_run_actions: bool | None = None


class Projects(msgspec.Struct, frozen=True):
    """A list of projects."""

    projects: tuple[Project, ...]


class ProjectGroups(msgspec.Struct, frozen=True):
    """A list of project groups."""

    groups: tuple[ProjectGroup, ...]


class Configstore(SecretCalls):
    """Who there is and what they build. A *ref* is an id or (for projects and groups) a path."""

    @post("/users", status=201)
    async def create_user(self, request: NewUser) -> User:
        """400 `invalidUserName`, `userAlreadyExists`. Creates the user's root project group too."""

    @get("/users/{ref}")
    async def user(self, ref: str) -> User:
        """By id or name; 404 `userDoesNotExist`."""

    @get("/users")
    async def users(self, after: str = "", limit: PageLimit = 30, ascending: bool = True) -> Page[User]:
        """By name, exclusive of *after*."""

    @get("/users/{ref}/projects")
    async def user_projects(self, ref: str) -> Projects:
        """Every project that a user owns, also with an organization, at any depth, by path.

        404 `userDoesNotExist`.
        """

    @put("/users/{ref}")
    async def update_user(self, ref: str, request: UserUpdate) -> User:
        """404 `userDoesNotExist`."""

    @post("/users/{ref}/removal", status=204, limit=MOST_IDS)
    async def delete_user(self, ref: str, request: ProjectIds | None = None) -> None:
        """With their tokens, memberships, groups and projects, if these are no others than *request* names.

        404 `userDoesNotExist`; 409 `projectGroupChanged` when there is another project.
        """

    @post("/users/{ref}/tokens", status=201)
    async def create_token(self, ref: str, request: NewToken) -> Token:
        """400 `userTokenAlreadyExists`; 400 when the name is empty."""

    @delete("/users/{ref}/tokens/{name}", status=204)
    async def delete_token(self, ref: str, name: str) -> None:
        """404 `userTokenDoesNotExist`."""

    @post("/tokens/check")
    async def user_of_token(self, request: TokenCheck) -> User:
        """Whose token it is; 404 `userTokenDoesNotExist`."""

    @get("/project-groups/{ref}")
    async def project_group(self, ref: str) -> ProjectGroup:
        """404 `projectGroupDoesNotExist`, 400 `invalidPath`."""

    @post("/project-groups", status=201)
    async def create_project_group(self, request: NewProjectGroup) -> ProjectGroup:
        """404 `parentProjectGroupDoesNotExist`; 400 as listed.

        `invalidProjectGroupName`, `invalidVisibility`, `projectGroupAlreadyExists`.
        """

    @put("/project-groups/{ref}")
    async def update_project_group(self, ref: str, request: ProjectGroupUpdate) -> ProjectGroup:
        """Rename, move, change; a root group keeps its name and place. Errors as for creation.

        400 without a code for a place inside itself.
        """

    @get("/project-groups/{ref}/ids-below")
    async def projects_below(self, ref: str) -> ProjectIds:
        """Every project under a group, at any depth."""

    @post("/project-groups/{ref}/removal", status=204, limit=MOST_IDS)
    async def delete_project_group(self, ref: str, request: ProjectIds) -> None:
        """With everything below it, if that is no project but these.

        409 `projectGroupChanged` when there is another; 400 for a root group.
        """

    @get("/project-groups/{ref}/projects")
    async def group_projects(self, ref: str) -> Projects:
        """The direct children of a group that are projects, by name."""

    @get("/project-groups/{ref}/groups")
    async def group_subgroups(self, ref: str) -> ProjectGroups:
        """The direct children of a group that are groups, by name."""

    @get("/projects/{ref}")
    async def project(self, ref: str) -> Project:
        """404 `projectDoesNotExist`, 400 `invalidPath`."""

    @post("/projects", status=201)
    async def create_project(self, request: NewProject) -> Project:
        """404 `parentProjectGroupDoesNotExist`, `remoteSourceDoesNotExist`; 400 as listed.

        `invalidProjectName`, `invalidRemoteSourceName`, `invalidRepoPath`, `projectAlreadyExists`,
        `remoteSourceNotSupported`, `cannotSetMembersCanPerformRunActionsOnUserProject`, and without a
        code for a bad visibility.
        """

    @put("/projects/{ref}")
    async def update_project(self, ref: str, request: ProjectUpdate) -> Project:
        """Rename, move, change; errors as for creation."""

    @delete("/projects/{ref}", status=204)
    async def delete_project(self, ref: str) -> None:
        """404 `projectDoesNotExist`."""

    @post("/clone-tokens/check")
    async def project_of_clone_token(self, request: TokenCheck) -> Project:
        """Whose repository a job's clone token may read; 404 `cloneTokenDoesNotExist`, also expired."""
