"""The audit log, for administrators and for owners of what it tells of."""

from typing import Unpack

from tidemill.contracts.audit import Audit, AuditEntry, AuditQuery
from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.audit import AuditEntryResponse, AuditListQuery, AuditRoutes
from tidemill.contracts.organizations import Organizations
from tidemill.core.permissions import Action
from tidemill.errors import BadRequest
from tidemill.kit.contract import Page
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import current_caller, thing
from tidemill.services.gateway.organizations import found_org
from tidemill.services.gateway.paging import LARGEST_NUMBER, LONGEST_PAGE, page_size


class AuditLog(AuditRoutes):
    """Asks the configstore, which keeps it."""

    def __init__(self, audit: Audit, configstore: Configstore, organizations: Organizations) -> None:
        self._audit = audit
        self._configstore = configstore
        self._organizations = organizations

    async def audit(self, **wanted: Unpack[AuditListQuery]) -> Page[AuditEntryResponse]:
        current_caller().require(Action.VIEW_AUDIT)
        return await self._page(wanted, {})

    async def org_audit(self, orgref: str, **wanted: Unpack[AuditListQuery]) -> Page[AuditEntryResponse]:
        org = await found_org(self._organizations, orgref, Action.VIEW_AUDIT_OF)
        return await self._page(wanted, {"owner": org.id})

    async def project_audit(
        self, projectref: str, **wanted: Unpack[AuditListQuery]
    ) -> Page[AuditEntryResponse]:
        project = await self._configstore.project(projectref)
        current_caller().require(Action.VIEW_AUDIT_OF, thing(project))
        return await self._page(wanted, {"project": project.id})

    async def _page(self, wanted: AuditListQuery, scope: AuditQuery) -> Page[AuditEntryResponse]:
        query: AuditQuery = {
            "actor": wanted.get("actor", ""),
            "action": wanted.get("action", ""),
            "kind": wanted.get("kind", ""),
            "since": wanted.get("since", ""),
            "until": wanted.get("until", ""),
            **scope,
        }
        size = page_size(wanted.get("limit", "")) or LONGEST_PAGE
        found = await self._audit.entries(_before(wanted.get("cursor", "")), size, **query)
        return Page([_shown(entry) for entry in found.items], found.cursor)


def _before(cursor: str) -> int:
    if not cursor:
        return 0
    number = int(cursor) if cursor.isascii() and cursor.isdecimal() and len(cursor) < 20 else 0
    if not 0 < number <= LARGEST_NUMBER:
        raise BadRequest(f"cursor {cursor!r} is none that was given")
    return number


def _shown(entry: AuditEntry) -> AuditEntryResponse:
    actor, deed = entry.actor, entry.deed
    return AuditEntryResponse(
        number=entry.number,
        time=go_time(entry.at) or "",
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        via=actor.via,
        remote=actor.remote,
        request_id=entry.request_id,
        action=deed.action,
        kind=deed.subject.kind,
        id=deed.subject.id,
        path=deed.subject.path,
        fields=deed.fields,
    )
