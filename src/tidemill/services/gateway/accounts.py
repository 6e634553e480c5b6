"""One's own account: its sessions and its password."""

from tidemill.contracts.configstore import Configstore, UserUpdate
from tidemill.contracts.gateway.accounts import (
    AccountRoutes,
    SessionResponse,
    SessionsResponse,
    SetAdminRequest,
    SetDisabledRequest,
    SetPasswordRequest,
)
from tidemill.contracts.passwords import NewPassword, Passwords
from tidemill.contracts.sessions import Session, Sessions
from tidemill.core.permissions import Action
from tidemill.errors import BadRequest
from tidemill.services.gateway.door import current_caller, own
from tidemill.services.gateway.session_cookies import SessionCookies
from tidemill.services.gateway.tries import Tries


class Accounts(AccountRoutes):
    """What users do with their own accounts, and administrators with anybody's."""

    def __init__(
        self,
        configstore: Configstore,
        passwords: Passwords,
        sessions: Sessions,
        tries: Tries,
        cookies: SessionCookies,
    ) -> None:
        self._configstore = configstore
        self._passwords = passwords
        self._sessions = sessions
        self._tries = tries
        self._cookies = cookies

    async def log_out(self) -> None:
        caller = current_caller()
        caller.require(Action.LOG_OUT)
        if not caller.session_id:
            raise BadRequest("this request was made with a token, which has no session", code="notASession")
        await self._sessions.end_session(caller.actor.user_id, caller.session_id)
        self._cookies.end()

    async def sessions(self, userref: str) -> SessionsResponse:
        found = (await self._sessions.sessions(await self._whose(userref))).sessions
        current = current_caller().session_id
        return SessionsResponse(sessions=tuple(_shown(one, current) for one in found))

    async def end_sessions(self, userref: str) -> None:
        await self._sessions.end_sessions(await self._whose(userref))

    async def end_session(self, userref: str, sessionid: str) -> None:
        await self._sessions.end_session(await self._whose(userref), sessionid)

    async def set_password(self, userref: str, request: SetPasswordRequest) -> None:
        user = await self._configstore.user(userref)
        caller = current_caller()
        caller.require(Action.SET_PASSWORD, own(user))
        if caller.actor.is_admin and caller.actor.user_id != user.id:
            await self._passwords.set_password(user.id, NewPassword(password=request.password))
            return
        wanted = NewPassword(
            password=request.password, old=request.old_password, keep_session=caller.session_id
        )
        async with self._tries.one(self._tries.of_account(user.name)):
            await self._passwords.set_password(user.id, wanted)

    async def set_admin(self, userref: str, request: SetAdminRequest) -> None:
        current_caller().require(Action.CHANGE_USERS)
        await self._configstore.update_user(userref, UserUpdate(is_admin=request.admin))

    async def set_disabled(self, userref: str, request: SetDisabledRequest) -> None:
        caller = current_caller()
        caller.require(Action.CHANGE_USERS)
        user = await self._configstore.user(userref)
        if request.disabled and user.id == caller.actor.user_id:
            raise BadRequest(
                "you cannot disable yourself; another administrator can", code="cannotDisableYourself"
            )
        await self._configstore.update_user(user.id, UserUpdate(is_disabled=request.disabled))

    async def _whose(self, userref: str) -> str:
        """The id of a user whose sessions the caller may see and end."""
        user = await self._configstore.user(userref)
        current_caller().require(Action.MANAGE_SESSIONS, own(user))
        return user.id


def _shown(session: Session, current: str) -> SessionResponse:
    return SessionResponse(
        id=session.id,
        created_at=session.created_at,
        expires_at=session.expires_at,
        address=session.address,
        agent=session.agent,
        current=session.id == current,
    )
