"""What runs are made for: a project on the built-in git host, or the repository of a user's direct runs."""

from urllib.parse import quote

import msgspec

from tidemill.contracts.configstore import Project, User
from tidemill.contracts.gateway import PREFIX
from tidemill.core.direct_runs import DirectRepository
from tidemill.core.refs import Ref, user_group
from tidemill.core.scope import Scope


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the commit of a run is, and whose the run is."""

    repository: str
    """Its id, as the gitserver knows it."""
    clone_path: str
    """Where jobs find it, behind the address of git."""
    group: str
    caches: tuple[str, ...]
    scope: str
    annotations: dict[str, str]
    """Whose run it is."""
    runs_path: str
    """Where its runs are found, behind the gateway's address."""


def of_project(project: Project, ref: Ref) -> Target:
    """A project, at one of its refs."""
    return Target(
        repository=project.id,
        clone_path=f"/git/{project.path}.git",
        group=ref.group(project.id),
        caches=ref.caches(project.id),
        scope=str(Scope(project=project.id, ref=ref.full)),
        annotations={"run_type": "project", "projectid": project.id},
        runs_path=f"{PREFIX}/projects/{quote(project.path, safe='')}/runs",
    )


def of_user(user: User, repository: DirectRepository, ref: Ref, *, caches: str, scope: str) -> Target:
    """The direct runs of a user; those of one clone share *caches*."""
    counted = user_group(user.id)
    return Target(
        repository=repository.id,
        clone_path=f"/repos/{repository.path}.git",
        group=ref.group_in(counted),
        caches=(f"{counted}/{caches}",),
        scope=scope,
        annotations={"run_type": "user", "userid": user.id},
        runs_path=f"{PREFIX}/users/{user.name}/runs",
    )
