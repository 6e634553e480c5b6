"""Entries of the audit log: added, listed, removed when their time is over."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update

from tidemill.contracts.audit import AuditEntry, Deed, Identity, Subject
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.configstore.store.audit_tables import audit, audit_retention


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries; what is empty asks for nothing."""

    actor: str = ""
    action: str = ""
    kind: str = ""
    project: str = ""
    owner: str = ""
    since: datetime | None = None
    until: datetime | None = None


async def add(
    tx: Transaction, deeds: Iterable[Deed], *, actor: Identity, request_id: str, now: datetime
) -> None:
    """One entry for each deed."""
    rows = [
        {
            "at": now,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "via": actor.via,
            "remote": actor.remote,
            "request_id": request_id,
            "action": deed.action,
            "kind": deed.subject.kind,
            "subject_id": deed.subject.id,
            "path": deed.subject.path,
            "project": deed.subject.project,
            "owner": deed.subject.owner,
            "fields": msgspec.json.encode(deed.fields),
        }
        for deed in deeds
    ]
    if rows:
        await tx.run(insert(audit), rows)


async def listed(tx: Snapshot, wanted: Wanted, *, before: int, limit: int) -> list[AuditEntry]:
    """Newest first, below *before* if given; limit 0 is no limit."""
    query = select(audit).order_by(audit.c.number.desc())
    for condition in _conditions(wanted, before):
        query = query.where(condition)
    rows = await tx.all(query.limit(limit) if limit else query)
    return [_entry(row) for row in rows]


def _conditions(wanted: Wanted, before: int) -> Iterable[Any]:
    if before:
        yield audit.c.number < before
    if wanted.actor:
        yield (audit.c.actor_id == wanted.actor) | (audit.c.actor_name == wanted.actor)
    if wanted.action:
        yield (audit.c.action >= wanted.action) & (audit.c.action < f"{wanted.action}\U0010ffff")
    if wanted.kind:
        yield audit.c.kind == wanted.kind
    if wanted.project:
        yield audit.c.project == wanted.project
    if wanted.owner:
        yield audit.c.owner == wanted.owner
    if wanted.since:
        yield audit.c.at >= wanted.since
    if wanted.until:
        yield audit.c.at < wanted.until


async def remove(tx: Transaction, *, until: datetime, most: int) -> int:
    """Remove the oldest entries before *until*, *most* of them at a time; answers how many there were."""
    await tx.run(update(audit_retention).values(removable_until=until))
    old = select(audit.c.number).where(audit.c.at < until).order_by(audit.c.at).limit(most)
    return await tx.run(delete(audit).where(audit.c.number.in_(old)))


async def oldest(tx: Snapshot) -> datetime | None:
    """When the oldest entry was made; None when there is none."""
    found: datetime | None = await tx.value(select(func.min(audit.c.at)))
    return found


def _entry(row: AnyRow) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at=row.at,
        actor=Identity(
            kind=row.actor_kind, id=row.actor_id, name=row.actor_name, via=row.via, remote=row.remote
        ),
        request_id=row.request_id,
        deed=Deed(
            action=row.action,
            subject=Subject(
                kind=row.kind, id=row.subject_id, path=row.path, project=row.project, owner=row.owner
            ),
            fields=msgspec.json.decode(row.fields, type=tuple[str, ...]),
        ),
    )
