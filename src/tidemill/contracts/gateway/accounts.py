"""Accounts: logging in and out, sessions, passwords, as the public API has them."""

from datetime import datetime
from typing import TypedDict, Unpack

import msgspec
from msgspec import UNSET, UnsetType

from tidemill.contracts.gateway.users import UserResponse
from tidemill.kit.contract import Contract, delete, get, post, put


class LoginUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who logs in, and where their account is."""

    remote_source_name: str = ""
    """`builtin` for an account of this installation."""
    login_name: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"LoginUserRequest({self.remote_source_name!r}, {self.login_name!r}, ***)"


class LoginUserResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Who has logged in, or where to go on."""

    oauth2_redirect: str = ""
    user: UserResponse | None = None


class RemoteUser(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"id": "ID", "login_name": "LoginName", "email": "Email"},
):
    """A user as a remote source knows them."""

    id: str
    login_name: str
    email: str = ""


class AuthorizeResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Whose credentials they are, or where to go on."""

    oauth2_redirect: str = ""
    remote_user_info: RemoteUser | None = None
    remote_source_name: str = ""


class RegisterUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A user who makes themselves one."""

    username: str = ""
    remote_source_name: str = ""
    remote_source_login_name: str = ""
    """On `builtin` the same as the name, or nothing."""
    remote_source_login_password: str = ""
    """On `builtin` the password that the user wants to have."""

    def __repr__(self) -> str:
        return f"RegisterUserRequest({self.username!r}, {self.remote_source_name!r}, ***)"


class RegisterUserResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Done, or where to go on."""

    oauth2_redirect: str = ""


class OAuth2Query(TypedDict, total=False):
    """What a git host sends users back with."""

    code: str
    state: str


class RemoteSourceAuthResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a login by OAuth2 has led to: the answer to the request that it began with."""

    request_type: str | UnsetType = UNSET
    response: dict[str, object] | UnsetType = UNSET


class SetPasswordRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A password to set."""

    password: str = ""
    old_password: str = ""
    """The one that is set so far; administrators leave it out when they set another user's."""

    def __repr__(self) -> str:
        return "SetPasswordRequest(***)"


class SetAdminRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a user is an administrator."""

    admin: bool = False


class SetDisabledRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a user is disabled; there is no default, lest an empty request enables somebody."""

    disabled: bool


class SessionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A login that goes on."""

    id: str
    created_at: datetime
    expires_at: datetime
    address: str
    agent: str
    """The program that logged in, as it calls itself."""
    current: bool
    """It is the one that this request was made in."""


class SessionsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """All logins of a user, newest first."""

    sessions: tuple[SessionResponse, ...]


class LoginRoutes(Contract):
    """The way in; credentials of other requests are not looked at."""

    @post("/auth/login", status=201)
    async def log_in(self, request: LoginUserRequest) -> LoginUserResponse:
        """Begin a session, in two cookies; 404 `remoteSourceDoesNotExist`, 401 `wrongPassword`, 429.

        403 `csrfRefused` for a page of another origin.
        """

    @post("/auth/authorize", status=201)
    async def authorize(self, request: LoginUserRequest) -> AuthorizeResponse:
        """Whose credentials these are; 404 `remoteSourceDoesNotExist`, 401 `wrongPassword`, 429.

        403 `csrfRefused` for a page of another origin.
        """

    @post("/auth/register", status=201)
    async def register(self, request: RegisterUserRequest) -> RegisterUserResponse:
        """Make oneself a user, where `gateway.registration` allows it; 400 `registrationDisabled`, 429.

        404 `remoteSourceDoesNotExist`; 403 `csrfRefused` for a page of another origin.
        """

    @get("/auth/oauth2/callback")
    async def oauth2_callback(self, **given: Unpack[OAuth2Query]) -> RemoteSourceAuthResult:
        """Where a git host sends users back to; 400 `invalidState` for what was not begun here."""


class AccountRoutes(Contract):
    """One's own account: sessions and the password."""

    @post("/auth/logout", status=204)
    async def log_out(self) -> None:
        """Extension: end the session of this request; 400 `notASession` when it was made with a token."""

    @get("/users/{userref}/sessions")
    async def sessions(self, userref: str) -> SessionsResponse:
        """Extension: logins that go on, for oneself or an administrator."""

    @delete("/users/{userref}/sessions", status=204)
    async def end_sessions(self, userref: str) -> None:
        """Extension: log out everywhere."""

    @delete("/users/{userref}/sessions/{sessionid}", status=204)
    async def end_session(self, userref: str, sessionid: str) -> None:
        """Extension: log out there; 404 `sessionDoesNotExist`."""

    @put("/users/{userref}/password", status=204)
    async def set_password(self, userref: str, request: SetPasswordRequest) -> None:
        """Extension: 400 `invalidPassword`, 403 `wrongPassword`, 429; ends the user's other sessions."""

    @put("/users/{userref}/admin", status=204)
    async def set_admin(self, userref: str, request: SetAdminRequest) -> None:
        """Extension: make a user an administrator, or no longer one; for administrators."""

    @put("/users/{userref}/disabled", status=204)
    async def set_disabled(self, userref: str, request: SetDisabledRequest) -> None:
        """Extension: let nothing of a user's in any more, or again; for administrators.

        400 `cannotDisableYourself`, 404 `userDoesNotExist`.
        """
