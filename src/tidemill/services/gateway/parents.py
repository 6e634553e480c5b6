"""Where things are put or moved to: the parent group, and what they may be called in it."""

from tidemill.contracts.configstore import Configstore, ProjectGroup
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.core.permissions import Thing
from tidemill.errors import BadRequest, NotFound
from tidemill.services.gateway.door import Caller

_MISSING = "parentProjectGroupDoesNotExist"


async def found_parent(configstore: Configstore, ref: str) -> ProjectGroup:
    """The group that something is to be put into; whatever of its path is missing, the parent is."""
    if not ref:
        raise NotFound("parent_ref is empty; name a project group", code=_MISSING)
    try:
        return await configstore.project_group(ref)
    except NotFound as error:
        raise NotFound(error.message, code=_MISSING) from error


def something_of(caller: Caller) -> Thing:
    """Something of the caller's own: what they may not even do there they may do nowhere."""
    return Thing(owner=caller.actor.user_id, is_public=True)


def root_of(caller: Caller) -> str:
    """Where the caller's things are put unless they say otherwise."""
    return f"user/{caller.user.name}" if caller.user else ""


def check_name(name: str, code: str = "invalidProjectName") -> None:
    """The reference looks at names before parents, and calls a new group's name a project's."""
    if not is_valid_name(name):
        raise BadRequest(f"{name!r} cannot be a name: {NAME_RULE}", code=code)


def check_visibility(text: str, code: str | None = None) -> None:
    """It looks at these before parents too."""
    if text not in ("public", "private"):
        raise BadRequest(f"visibility {text!r} is neither public nor private", code=code)
