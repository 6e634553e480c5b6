"""The tables of docs/permissions.md: which role may do which action, and which action each route is."""

from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.contracts.gateway.webhooks import WebhookRoutes
from tidemill.core.permissions import ADMIN_TOKEN, ANONYMOUS, Action, Actor, Refusal, Thing, may
from tidemill.kit.contract import endpoints
from tidemill.services.gateway.rights import OPEN_TO_NOBODY, ORDINARY, right

_STATUS = {
    None: "yes",
    Refusal.UNAUTHORIZED: "401",
    Refusal.FORBIDDEN: "403",
    Refusal.BAD_REQUEST: "400",
    Refusal.HIDDEN: "404",
}
_ROLES = {
    "anonymous": ANONYMOUS,
    "stranger": Actor(user_id="stranger"),
    "member": Actor(user_id="member", memberships={"org": "member"}),
    "owner": Actor(user_id="owner", memberships={"org": "owner"}),
    "admin": Actor(user_id="admin", is_admin=True),
    "admin token": ADMIN_TOKEN,
}


def actions() -> str:
    """Every action with what each role may, of something that belongs to an organization."""
    lines = [f"| action | {' | '.join(_ROLES)} |", f"|---|{'---|' * len(_ROLES)}"]
    for action in Action:
        cells = " | ".join(_cell(actor, action) for actor in _ROLES.values())
        lines.append(f"| {action} | {cells} |")
    return "\n".join(lines)


def _cell(actor: Actor, action: Action) -> str:
    public, private = (
        _STATUS[may(actor, action, Thing(owner="org", owner_kind="org", is_public=is_public))]
        for is_public in (True, False)
    )
    return public if public == private else f"{public} / {private}"


def route_rights() -> str:
    """Every route with the action that it is."""
    lines = ["| route | action | of |", "|---|---|---|"]
    served = [
        *((PREFIX, one) for one in endpoints(Gateway)),
        *(("", one) for one in endpoints(WebhookRoutes)),
    ]
    for prefix, endpoint in served:
        demanded = right(endpoint.name)
        star = "\\*" if demanded.is_for_known and endpoint.name not in OPEN_TO_NOBODY else ""
        path = endpoint.path if prefix else f"{endpoint.path} (outside of {PREFIX})"
        lines.append(f"| `{endpoint.verb} {path}`{star} | {demanded.action or 'everybody'} | {demanded.of} |")
    lines += [f"| `{path}` | {who} | |" for path, who in ORDINARY.items()]
    return "\n".join(lines)
