"""The way in: logging in, asking whose credentials something is, becoming a user."""

from typing import Unpack

from tidemill.contracts.configstore import User
from tidemill.contracts.gateway.accounts import (
    AuthorizeResponse,
    LoginRoutes,
    LoginUserRequest,
    LoginUserResponse,
    OAuth2Query,
    RegisterUserRequest,
    RegisterUserResponse,
    RemoteSourceAuthResult,
    RemoteUser,
)
from tidemill.contracts.gateway.users import UserResponse
from tidemill.contracts.passwords import NewAccount, PasswordCheck, PasswordOwner, Passwords
from tidemill.contracts.remote_sources import BUILTIN, RemoteSource, RemoteSources
from tidemill.contracts.sessions import NewSession, Sessions
from tidemill.core.names import NAME_RULE, is_valid_name
from tidemill.errors import BadRequest, NotFound, Unauthorized
from tidemill.kit.contract import current_call
from tidemill.services.gateway.door import Caller, act_as, acting
from tidemill.services.gateway.guard import Guard
from tidemill.services.gateway.session_cookies import SessionCookies
from tidemill.services.gateway.tries import Tries
from tidemill.settings import GatewaySettings


class Logins(LoginRoutes):
    """Local accounts; those of other hosts come with their forges."""

    def __init__(  # noqa: PLR0913, PLR0917 - it asks everybody about accounts
        self,
        settings: GatewaySettings,
        sources: RemoteSources,
        passwords: Passwords,
        sessions: Sessions,
        tries: Tries,
        guard: Guard,
        cookies: SessionCookies,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._passwords = passwords
        self._sessions = sessions
        self._tries = tries
        self._guard = guard
        self._cookies = cookies

    async def log_in(self, request: LoginUserRequest) -> LoginUserResponse:
        await self._guard.check_stated_origin(current_call())
        source = await self._local(request.remote_source_name)
        owner = await self._prove(request)
        if not source.login_enabled:
            raise BadRequest(f"nobody logs in by {source.name!r}; its login is disabled")
        call = current_call()
        act_as(Caller(actor=acting(owner.user), user=owner.user, session_id="new"))
        session = await self._sessions.create_session(
            owner.user.id,
            NewSession(
                seconds=self._settings.session_duration,
                password_version=owner.version,
                address=call.remote,
                agent=_printable(call.header("user-agent")),
            ),
        )
        self._cookies.begin(session.secret)
        return LoginUserResponse(user=_shown(owner.user))

    async def authorize(self, request: LoginUserRequest) -> AuthorizeResponse:
        await self._guard.check_stated_origin(current_call())
        source = await self._local(request.remote_source_name)
        user = (await self._prove(request)).user
        return AuthorizeResponse(
            remote_user_info=RemoteUser(id=user.id, login_name=user.name), remote_source_name=source.name
        )

    async def register(self, request: RegisterUserRequest) -> RegisterUserResponse:
        await self._guard.check_stated_origin(current_call())
        source = await self._local(request.remote_source_name)
        if not is_valid_name(request.username):
            raise BadRequest(
                f"{request.username!r} cannot be a user's name: {NAME_RULE}", code="invalidUserName"
            )
        if request.remote_source_login_name not in ("", request.username):
            raise BadRequest(f"on {source.name!r} the login name is the user's name; leave it out")
        if not self._settings.registration or not source.registration_enabled:
            raise BadRequest(
                "nobody registers here by themselves; ask an administrator", code="registrationDisabled"
            )
        account = NewAccount(name=request.username, password=request.remote_source_login_password)
        async with self._tries.one(self._tries.of_address(current_call().remote), counts=True):
            await self._passwords.create_account(account)
        return RegisterUserResponse()

    async def oauth2_callback(self, **_: Unpack[OAuth2Query]) -> RemoteSourceAuthResult:
        raise BadRequest("no login was begun here that this answer belongs to", code="invalidState")

    async def _local(self, name: str) -> RemoteSource:
        """The remote source called so, if accounts of it can be used yet."""
        if not name:
            raise NotFound(
                f"say which remote source the account is on: {BUILTIN!r}", code="remoteSourceDoesNotExist"
            )
        source = await self._sources.remote_source(name)
        if source.type != BUILTIN:
            raise BadRequest(
                f"accounts on a {source.type} come with a later version; so far there is {BUILTIN!r}",
                code="remoteSourceNotSupported",
            )
        return source

    async def _prove(self, request: LoginUserRequest) -> PasswordOwner:
        """Whose password it is; whoever is wrong too often waits."""
        if not request.login_name or not request.password:
            raise Unauthorized("give login_name and password", code="wrongPassword")
        check = PasswordCheck(name=request.login_name, password=request.password)
        account = self._tries.of_account(request.login_name)
        async with self._tries.one(account, self._tries.of_address(current_call().remote)):
            return await self._passwords.check_password(check)


def _shown(user: User) -> UserResponse:
    return UserResponse(id=user.id, username=user.name)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
