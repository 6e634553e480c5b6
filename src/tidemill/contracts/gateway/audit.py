"""The audit log, an extension: who has done what, when and from where."""

from typing import TypedDict, Unpack

import msgspec

from tidemill.contracts.gateway.runs import Time
from tidemill.kit.contract import Contract, Page, get


class AuditEntryResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done."""

    number: int
    """Greater than those of earlier entries; not every number is there."""
    time: Time
    actor_kind: str
    """`user`, `administrator` (with the installation's token), `service`, or `nobody` who is known."""
    actor_id: str
    actor_name: str
    """As they were called then."""
    via: str
    """What they have shown: `token <its name>` or `session`."""
    remote: str
    """The address they asked from."""
    request_id: str
    """The `X-Request-Id` of the request, which the server's own logs carry too."""
    action: str
    """A stable code, such as `project.update` or `secret.read`."""
    kind: str
    """What it was done to: `project`, `secret`, `user`, …"""
    id: str
    path: str
    """Where that was then."""
    fields: tuple[str, ...]
    """Names of what was changed or read, never what it is."""


class AuditListQuery(TypedDict, total=False):
    """Which entries to list."""

    cursor: str
    """Where the page begins: the header `X-Agola-Cursor` of the page before."""
    limit: str
    """How many are wanted, 30 at most; without it 30."""
    actor: str
    """Whose deeds: an id or a name."""
    action: str
    """An action, or how its code begins, such as `secret.`."""
    kind: str
    """What it was done to: `project`, `secret`, `user`, …"""
    since: str
    """From this time on (RFC 3339)."""
    until: str
    """Before this time."""


class AuditRoutes(Contract):
    """The audit log as a whole, and of an organization or a project."""

    @get("/audit")
    async def audit(self, **wanted: Unpack[AuditListQuery]) -> Page[AuditEntryResponse]:
        """Extension: everything, newest first, for administrators; 400 `invalidTime`, `invalidLimit`."""

    @get("/orgs/{orgref}/audit")
    async def org_audit(self, orgref: str, **wanted: Unpack[AuditListQuery]) -> Page[AuditEntryResponse]:
        """Extension: what was done to an organization and all that belongs to it, for its owners."""

    @get("/projects/{projectref}/audit")
    async def project_audit(
        self, projectref: str, **wanted: Unpack[AuditListQuery]
    ) -> Page[AuditEntryResponse]:
        """Extension: what was done to a project, and who has read its secrets, for its owner."""
