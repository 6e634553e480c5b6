"""Whose runs are meant: the group of a project's runs, or a user's, for those who may do what they ask."""

from tidemill.contracts.configstore import Configstore
from tidemill.core.permissions import Action
from tidemill.core.refs import project_group, user_group
from tidemill.services.gateway.door import current_caller, own, thing
from tidemill.services.gateway.runs import GroupOf


def project_groups(configstore: Configstore) -> GroupOf:
    """For a reference to a project."""

    async def group(ref: str, action: Action) -> str:
        project = await configstore.project(ref)
        current_caller().require(action, thing(project))
        return project_group(project.id)

    return group


def user_groups(configstore: Configstore) -> GroupOf:
    """For a reference to a user, whose direct runs are nobody else's business."""

    async def group(ref: str, action: Action) -> str:
        user = await configstore.user(ref)
        current_caller().require(action, own(user))
        return user_group(user.id)

    return group
