"""What holds secrets and variables, found for who may see or change them."""

from typing import NamedTuple

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.secrets import TreeQuery
from tidemill.contracts.secrets import ParentKind
from tidemill.core.permissions import Action
from tidemill.services.gateway.door import current_caller, thing


class Holder(NamedTuple):
    """A project or project group, as the configstore is asked about what it holds."""

    kind: ParentKind
    id: str


class Holders:
    """Finds holders, and lets nobody past who may not."""

    def __init__(self, configstore: Configstore) -> None:
        self._configstore = configstore

    async def project(self, ref: str, action: Action) -> Holder:
        """A project that the caller may do *action* to."""
        found = await self._configstore.project(ref)
        current_caller().require(action, thing(found))
        return Holder("projects", found.id)

    async def group(self, ref: str, action: Action) -> Holder:
        """A project group that the caller may do *action* to."""
        found = await self._configstore.project_group(ref)
        current_caller().require(action, thing(found))
        return Holder("project-groups", found.id)


def is_given(wanted: TreeQuery) -> tuple[bool, bool]:
    """Whether what is inherited is wanted, and whether only the nearest of each name is."""
    return wanted.get("tree") is not None, wanted.get("removeoverridden") is not None
