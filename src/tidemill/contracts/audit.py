"""What may be asked of the configstore about its audit log: who has done what, when and from where."""

from datetime import datetime
from typing import Literal, TypedDict, Unpack

import msgspec

from tidemill.kit.contract import Contract, Page, PageLimit, get, post

ActorKind = Literal["user", "administrator", "service", "nobody"]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as the gateway knows them; travels with every call that is made on their behalf."""

    kind: ActorKind
    id: str = ""
    name: str = ""
    via: str = ""
    """What they have shown: `token <its name>`, `session`, or nothing."""
    remote: str = ""
    """The address that they ask from."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What something was done to, as it was called then."""

    kind: str
    id: str = ""
    path: str = ""
    project: str = ""
    """The id of the project that it belongs to, or is."""
    owner: str = ""
    """The id of the user or organization that it belongs to, or is."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done; names of fields and of secrets, never what is in them."""

    action: str
    """A stable code: the kind and the verb, such as `project.update`."""
    subject: Subject
    fields: tuple[str, ...] = ()
    """The fields that were given, or the variables that were read."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A deed as it is kept."""

    number: int
    at: datetime
    actor: Identity
    request_id: str
    deed: Deed


class AuditQuery(TypedDict, total=False):
    """Which entries are wanted; what is empty asks for nothing."""

    actor: str
    """Whose deeds: an id or a name."""
    action: str
    """An action, or how its code begins, such as `secret.`."""
    kind: str
    project: str
    owner: str
    since: str
    """From this time on (RFC 3339)."""
    until: str
    """Before this time."""


class Audit(Contract):
    """The audit log: entries are added by what is done, and never changed."""

    @get("/audit")
    async def entries(
        self, before: int = 0, limit: PageLimit = 30, **wanted: Unpack[AuditQuery]
    ) -> Page[AuditEntry]:
        """Newest first, below the number *before* if given; every filter that is given must hold."""

    @post("/audit", status=204)
    async def record(self, request: Deed) -> None:
        """Note a deed that is done elsewhere, before it is done, on behalf of who asks for it."""
