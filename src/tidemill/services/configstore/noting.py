"""Deeds on their way into the audit log, noted in the transaction that does them: both are or neither."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from tidemill.contracts.audit import Deed, Identity, Subject
from tidemill.contracts.configstore import User
from tidemill.kit.contract import current_call
from tidemill.kit.db import AnyRow, Transaction
from tidemill.services.configstore.store import audit
from tidemill.services.configstore.store.groups import Place
from tidemill.services.configstore.store.held import Level

#: Who does what nobody asked the gateway for.
_SERVICE = Identity(kind="service")


async def note(
    tx: Transaction, now: datetime, action: str, subject: Subject, fields: Iterable[str] = ()
) -> None:
    """Note that who asks does this; *fields* are names of what is given, never what that is."""
    await note_all(tx, now, [Deed(action=action, subject=subject, fields=tuple(fields))])


async def note_all(tx: Transaction, now: datetime, deeds: Iterable[Deed]) -> None:
    """The same for several at once."""
    call = current_call()
    actor = msgspec.json.decode(call.caller, type=Identity) if call.caller else _SERVICE
    await audit.add(tx, deeds, actor=actor, request_id=call.request_id, now=now)


def given(request: msgspec.Struct) -> tuple[str, ...]:
    """The fields of a change that are to be changed."""
    return tuple(
        field.name for field in msgspec.structs.fields(request) if getattr(request, field.name) is not None
    )


def a_user(user: AnyRow | User) -> Subject:
    """A user, who owns what is about them."""
    return Subject(kind="user", id=user.id, path=f"user/{user.name}", owner=user.id)


def of_user(kind: str, name: str, user: AnyRow) -> Subject:
    """Something that a user has, such as a token."""
    return Subject(kind=kind, path=f"user/{user.name}/{name}", owner=user.id)


def an_org(org: AnyRow) -> Subject:
    """An organization."""
    return Subject(kind="org", id=org.id, path=f"org/{org.name}", owner=org.id)


def of_org(kind: str, org: AnyRow, user: AnyRow) -> Subject:
    """A user's place in an organization."""
    return Subject(kind=kind, id=user.id, path=f"org/{org.name}/{user.name}", owner=org.id)


def a_group(place: Place) -> Subject:
    """A project group."""
    return Subject(kind="projectgroup", id=place.id, path=place.path, owner=place.owner)


def a_project(row: AnyRow, place: Place) -> Subject:
    """A project, in its group."""
    path = f"{place.path}/{row.name}"
    return Subject(kind="project", id=row.id, path=path, project=row.id, owner=place.owner)


def held_by(level: Level, kind: str, id: str, name: str) -> Subject:
    """A secret or variable of a project or group."""
    project = level.id if level.kind == "projects" else ""
    return Subject(kind=kind, id=id, path=f"{level.path}/{name}", project=project, owner=level.owner)


def a_source(row: AnyRow) -> Subject:
    """A remote source, which is the installation's."""
    return Subject(kind="remotesource", id=row.id, path=row.name)
