"""What may be asked of the configstore about sessions: who is logged in, where, and that it be over."""

from datetime import datetime

import msgspec

from tidemill.contracts.configstore import User
from tidemill.kit.contract import Contract, delete, get, post


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session to begin."""

    seconds: float
    """How long it lasts."""
    password_version: int | None = None
    """Which password it was that opened it; a session of one that is set no more is not begun."""
    address: str = ""
    agent: str = ""
    """The program at the other end, as it calls itself."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session, without what opens it."""

    id: str
    created_at: datetime
    expires_at: datetime
    address: str
    agent: str


class SessionSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that one has a session; it is shown when the session begins, and never again."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"SessionSecret(id={self.id!r}, secret=***)"


class SessionCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody presented, who is said to have a session."""

    secret: str

    def __repr__(self) -> str:
        return "SessionCheck(***)"


class SessionOwner(msgspec.Struct, frozen=True, kw_only=True):
    """A session and its user, with the user's memberships."""

    id: str
    user: User


class SessionList(msgspec.Struct, frozen=True):
    """Sessions of a user, newest first."""

    sessions: tuple[Session, ...]


class Sessions(Contract):
    """Logins that last: rows, so that each can be ended at once, wherever it is asked about."""

    @post("/users/{ref}/sessions", status=201)
    async def create_session(self, ref: str, request: NewSession) -> SessionSecret:
        """404 `userDoesNotExist`; 401 `wrongPassword` when the password was changed meanwhile."""

    @post("/sessions/check")
    async def owner_of_session(self, request: SessionCheck) -> SessionOwner:
        """404 `sessionDoesNotExist`, also when it has expired."""

    @get("/users/{ref}/sessions")
    async def sessions(self, ref: str) -> SessionList:
        """Those that go on; there are never more than a hundred. 404 `userDoesNotExist`."""

    @delete("/users/{ref}/sessions/{id}", status=204)
    async def end_session(self, ref: str, id: str) -> None:
        """404 `sessionDoesNotExist`."""

    @delete("/users/{ref}/sessions", status=204)
    async def end_sessions(self, ref: str) -> None:
        """All of them."""
