"""Git refs: which kind a ref is, and the group that its runs are in."""

from enum import StrEnum
from urllib.parse import quote

import msgspec

_HEADS = "refs/heads/"
_TAGS = "refs/tags/"

#: What Go's url.PathEscape leaves as it is, beside letters, digits and `-_.~`.
_SAFE_IN_SEGMENT = "$&+=:@"


class RefType(StrEnum):
    """What a ref is, as annotations and `when` call it."""

    BRANCH = "branch"
    TAG = "tag"
    PULL_REQUEST = "pull_request"


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """A ref that runs can be made for."""

    type: RefType
    name: str
    """The branch, the tag, or the id of the pull request."""
    full: str
    """As git knows it, such as `refs/heads/main`."""

    def group(self, project: str) -> str:
        """The group of its runs in the project with this id; runs of a group run one after the other."""
        return self.group_in(project_group(project))

    def group_in(self, counted: str) -> str:
        """The group of its runs among those that are counted together, of a project or of a user."""
        kind = "pr" if self.type is RefType.PULL_REQUEST else self.type.value
        return f"{counted}/{kind}/{quote(self.name, safe=_SAFE_IN_SEGMENT)}"

    def caches(self, project: str) -> tuple[str, ...]:
        """Where its runs look for caches, in this order; they save in the first.

        A pull request reads what the project has, and spoils it for nobody.
        """
        own = (self.group(project),) if self.type is RefType.PULL_REQUEST else ()
        return (*own, project_group(project))


def branch(name: str) -> Ref:
    """The branch called *name*."""
    return Ref(type=RefType.BRANCH, name=name, full=_HEADS + name)


def tag(name: str) -> Ref:
    """The tag called *name*."""
    return Ref(type=RefType.TAG, name=name, full=_TAGS + name)


def pull_request(id: str, full: str) -> Ref:
    """The pull request with this id, whose commits are under the ref *full*."""
    return Ref(type=RefType.PULL_REQUEST, name=id, full=full)


def parse_ref(full: str) -> Ref | None:
    """The branch or tag that *full* names; None for every other ref."""
    for prefix, make in ((_HEADS, branch), (_TAGS, tag)):
        if full.startswith(prefix) and full != prefix:
            return make(full.removeprefix(prefix))
    return None


def project_group(project: str) -> str:
    """The group of all runs of a project, which counts them."""
    return f"/project/{project}"


def user_group(user: str) -> str:
    """The group of all direct runs of a user, which counts them."""
    return f"/user/{user}"


def group_owner(group: str) -> tuple[str, str]:
    """The id of the project whose runs are in a group, or that of the user; one of them is empty."""
    _, kind, owner = (*group.split("/"), "", "")[:3]
    return (owner, "") if kind == "project" else ("", owner)
