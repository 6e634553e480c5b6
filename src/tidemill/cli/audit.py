"""`tidemill audit`: who has done what, when and from where."""

from typing import Annotated

from cyclopts import Parameter, validators

from tidemill.cli.client import Output, Server, ask
from tidemill.cli.output import show
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.audit import AuditEntryResponse, AuditListQuery
from tidemill.errors import Forbidden
from tidemill.kit.contract import Page

COLUMNS = {
    "TIME": "time",
    "WHO": "actor",
    "VIA": "via",
    "FROM": "remote",
    "ACTION": "action",
    "WHAT": "what",
    "FIELDS": "fields",
}


def audit(
    *,
    project: Annotated[str, Parameter(help="Of this project alone: its path or id.")] = "",
    org: Annotated[str, Parameter(help="Of this organization alone, and all that belongs to it.")] = "",
    actor: Annotated[str, Parameter(help="Only what this user has done.")] = "",
    action: Annotated[str, Parameter(help="Only this action, such as secret.read, or secret. for all.")] = "",
    kind: Annotated[str, Parameter(help="Only what was done to things of this kind, such as token.")] = "",
    since: Annotated[str, Parameter(help="From this time on, such as 2026-11-24T12:00:00Z.")] = "",
    until: Annotated[str, Parameter(help="Before this time.")] = "",
    limit: Annotated[int, Parameter(help="How many, newest first.", validator=validators.Number(gte=1))] = 30,
    server: Server = None,
    output: Output = "table",
) -> None:
    """Show the audit log, newest first: all of it for administrators, else of a project or organization.

    For example: tidemill audit --project user/alice/hello --action secret.
    """
    if project and org:
        raise usage("give --project or --org, not both")
    asked = {"actor": actor, "action": action, "kind": kind, "since": since, "until": until}
    wanted: AuditListQuery = {key: value for key, value in asked.items() if value}  # type: ignore[assignment]

    async def entries(gateway: Gateway) -> list[AuditEntryResponse]:
        found = list[AuditEntryResponse]()
        cursor = ""
        while len(found) < limit:
            query: AuditListQuery = {**wanted, "limit": str(limit - len(found))}
            if cursor:
                query["cursor"] = cursor
            page = await _page(gateway, project, org, query)
            found += page.items
            cursor = page.cursor
            if not cursor:
                break
        return found

    try:
        found = ask(server, entries, about=project)
    except Forbidden as error:
        if project or org:
            raise
        raise Forbidden(f"{error.message}; owners name --project or --org", code=error.code) from error
    show(found if output == "json" else [_row(entry) for entry in found], output, columns=COLUMNS)


async def _page(gateway: Gateway, project: str, org: str, query: AuditListQuery) -> Page[AuditEntryResponse]:
    if project:
        return await gateway.project_audit(project, **query)
    if org:
        return await gateway.org_audit(org, **query)
    return await gateway.audit(**query)


def _row(entry: AuditEntryResponse) -> dict[str, object]:
    return {
        "time": entry.time,
        "actor": entry.actor_name or entry.actor_kind,
        "via": entry.via,
        "remote": entry.remote,
        "action": entry.action,
        "what": entry.path or entry.id,
        "fields": entry.fields,
    }
