"""The audit log as it is asked: listed, told of what is done elsewhere, shortened where that is wanted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Unpack

import structlog

from tidemill.contracts.audit import Audit, AuditEntry, AuditQuery, Deed, Subject
from tidemill.errors import BadRequest
from tidemill.kit.contract import Page
from tidemill.kit.db import Database
from tidemill.kit.supervise import Loop
from tidemill.services.configstore.noting import note_all
from tidemill.services.configstore.paging import beyond
from tidemill.services.configstore.store import audit
from tidemill.services.configstore.store.audit import Wanted

#: Seconds between looks for entries whose time is over.
_FORGETTING = 3600.0
#: Entries that one transaction removes.
_AT_ONCE = 500

log = structlog.get_logger("audit")


class AuditKeeper(Audit):
    """Adds to the log, shows it, and forgets what is older than the settings want."""

    def __init__(self, db: Database, keep: timedelta, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._keep = keep
        self._clock = clock

    def loops(self) -> list[Loop]:
        """Removal of old entries, where that is wanted at all."""
        return [Loop("configstore.audit", self.forget, seconds=_FORGETTING)] if self._keep else []

    async def entries(
        self, before: int = 0, limit: int = 30, **wanted: Unpack[AuditQuery]
    ) -> Page[AuditEntry]:
        asked = Wanted(
            actor=wanted.get("actor", ""),
            action=wanted.get("action", ""),
            kind=wanted.get("kind", ""),
            project=wanted.get("project", ""),
            owner=wanted.get("owner", ""),
            since=_time("since", wanted.get("since", "")),
            until=_time("until", wanted.get("until", "")),
        )
        found = await self._db.read(lambda tx: audit.listed(tx, asked, before=before, limit=beyond(limit)))
        shown = found[:limit] if limit else found
        return Page(shown, str(shown[-1].number) if len(found) > len(shown) else "")

    async def record(self, request: Deed) -> None:
        now = self._clock()
        await self._db.do(lambda tx: note_all(tx, now, [request]))

    async def forget(self) -> None:
        """Remove what is older than it is to be kept, and note that."""
        until = self._clock() - self._keep
        removed = 0
        while some := await self._db.do(lambda tx: audit.remove(tx, until=until, most=_AT_ONCE)):
            removed += some
        if removed:
            done = Deed(action="audit.forget", subject=Subject(kind="audit", path=until.isoformat()))
            await self.record(done)
            log.info("entries of the audit log are forgotten", entries=removed, before=until.isoformat())


def _time(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(
            f"{name} {text!r} is not a time, such as 2026-11-24T12:00:00Z", code="invalidTime"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
