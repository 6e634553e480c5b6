"""Sessions: logins that last until their time is over or somebody ends them."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from tidemill.contracts.sessions import (
    NewSession,
    Session,
    SessionCheck,
    SessionList,
    SessionOwner,
    Sessions,
    SessionSecret,
)
from tidemill.errors import NotFound, Unauthorized
from tidemill.kit.db import AnyRow, Database, Snapshot, Transaction
from tidemill.services.configstore import finding, showing
from tidemill.services.configstore.noting import a_user, note, of_user
from tidemill.services.configstore.store import passwords, sessions, users

#: Sessions that a user has at most; a new one ends the oldest.
MOST = 100
_LONGEST_ADDRESS, _LONGEST_AGENT = 64, 256


class SessionKeeper(Sessions):
    """Keeps sessions, and of what opens them only hashes."""

    def __init__(self, db: Database, *, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._db = db
        self._clock = clock
        self._new_id = new_id

    async def create_session(self, ref: str, request: NewSession) -> SessionSecret:
        made = SessionSecret(id=self._new_id(), secret=secrets.token_urlsafe(32))
        now = self._clock()
        values = {
            "id": made.id,
            "hash": _hash(made.secret),
            "created_at": now,
            "expires_at": now + timedelta(seconds=request.seconds),
            "address": request.address[:_LONGEST_ADDRESS],
            "agent": request.agent[:_LONGEST_AGENT],
        }

        async def add(tx: Transaction) -> None:
            user = await finding.user(tx, ref)
            if not await users.hold(tx, user.id):
                raise finding.no_user(ref)
            if user.is_disabled:
                raise Unauthorized("the user's name or the password is wrong", code="wrongPassword")
            wanted = request.password_version
            if wanted is not None and wanted != await passwords.version(tx, user.id):
                raise Unauthorized("the password was changed meanwhile", code="wrongPassword")
            await sessions.forget_expired(tx, now)
            await sessions.keep_newest(tx, user.id, MOST - 1)
            await sessions.add(tx, {**values, "user_id": user.id})
            await note(tx, now, "session.create", of_user("session", made.id, user))

        await self._db.do(add)
        return made

    async def owner_of_session(self, request: SessionCheck) -> SessionOwner:
        now = self._clock()
        rows = await self._db.read(lambda tx: sessions.by_secret(tx, _hash(request.secret), now))
        if not rows:
            raise NotFound("this session is over", code="sessionDoesNotExist")
        return SessionOwner(id=rows[0].session_id, user=showing.known_user(rows))

    async def sessions(self, ref: str) -> SessionList:
        now = self._clock()

        async def find(tx: Snapshot) -> tuple[Session, ...]:
            user = await finding.user(tx, ref)
            return tuple(_shown(row) for row in await sessions.of_user(tx, user.id, now))

        return SessionList(await self._db.read(find))

    async def end_session(self, ref: str, id: str) -> None:
        now = self._clock()

        async def end(tx: Transaction) -> None:
            user = await finding.user(tx, ref)
            if not await sessions.end(tx, user.id, id):
                raise NotFound(f"user {user.name!r} has no session {id!r}", code="sessionDoesNotExist")
            await note(tx, now, "session.delete", of_user("session", id, user))

        await self._db.do(end)

    async def end_sessions(self, ref: str) -> None:
        now = self._clock()

        async def end(tx: Transaction) -> None:
            user = await finding.user(tx, ref)
            await sessions.end_all(tx, user.id)
            await note(tx, now, "session.delete-all", a_user(user))

        await self._db.do(end)


def _shown(row: AnyRow) -> Session:
    return Session(
        id=row.id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        address=row.address,
        agent=row.agent,
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
