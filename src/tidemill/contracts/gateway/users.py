"""Users, their tokens and remote sources, as the public API shows them."""

from typing import Unpack

import msgspec
from msgspec import UNSET, UnsetType

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.kit.contract import Contract, Page, delete, get, post, put


class CreateUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A user to create."""

    username: str = ""


class UserResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A user as everybody sees them."""

    id: str
    username: str


class LinkedAccountResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An account that a user has on a remote source."""

    id: str
    remote_source_id: str
    remote_user_name: str
    remote_user_avatar_url: str


class PrivateUserResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A user as they see themselves."""

    id: str
    username: str
    tokens: tuple[str, ...]
    """Names of the tokens, sorted."""
    linked_accounts: tuple[LinkedAccountResponse, ...] = ()
    admin: bool | UnsetType = UNSET
    """Extension: there when the user is an administrator."""
    disabled: bool | UnsetType = UNSET
    """Extension: there when the user is disabled."""


class CreateUserTokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A token to create."""

    token_name: str = ""


class CreateUserTokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The only time that a token is shown."""

    token: str


class CreateRemoteSourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A git host to add."""

    name: str = ""
    apiurl: str = ""
    type: str = ""
    """`gitea`, `github` or `gitlab`."""
    auth_type: str = ""
    """`oauth2`, or on gitea `password`."""
    skip_verify: bool = False
    oauth_2_client_id: str = ""
    oauth_2_client_secret: str = ""
    ssh_host_key: str = ""
    skip_ssh_host_key_check: bool = False
    registration_enabled: bool | None = None
    """True unless it is false."""
    login_enabled: bool | None = None
    """True unless it is false."""

    def __repr__(self) -> str:
        return f"CreateRemoteSourceRequest(name={self.name!r}, …)"


class UpdateRemoteSourceRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes to a git host; what is left out or null stays as it is."""

    name: str | None = None
    apiurl: str | None = None
    skip_verify: bool | None = None
    oauth_2_client_id: str | None = None
    oauth_2_client_secret: str | None = None
    ssh_host_key: str | None = None
    skip_ssh_host_key_check: bool | None = None
    registration_enabled: bool | None = None
    login_enabled: bool | None = None

    def __repr__(self) -> str:
        return f"UpdateRemoteSourceRequest(name={self.name!r}, …)"


class RemoteSourceResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A git host."""

    id: str
    name: str
    auth_type: str
    registration_enabled: bool
    login_enabled: bool


class VersionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Which version of what answers."""

    service: str
    version: str


class UsersQuery(ListQuery, total=False):
    """Which users to list: all of them, or the one who has an account on a remote source."""

    query_type: str
    """`byremoteuser`, or nothing."""
    remoteuserid: str
    remotesourceref: str


class UserRoutes(Contract):
    """People and their tokens."""

    @get("/user")
    async def current_user(self) -> PrivateUserResponse:
        """Who the caller is; 403 for the admin token, which is nobody."""

    @get("/users/{userref}")
    async def user(self, userref: str) -> UserResponse:
        """By id or name; 404 `userDoesNotExist`."""

    @get("/users")
    async def users(self, **wanted: Unpack[UsersQuery]) -> Page[PrivateUserResponse]:
        """All users by name, for administrators."""

    @post("/users", status=201)
    async def create_user(self, request: CreateUserRequest) -> UserResponse:
        """For administrators; 400 `invalidUserName`, `userAlreadyExists`."""

    @delete("/users/{userref}", status=204)
    async def delete_user(self, userref: str) -> None:
        """For administrators; with the user's tokens, groups, projects and repositories."""

    @post("/users/{userref}/tokens", status=201)
    async def create_user_token(
        self, userref: str, request: CreateUserTokenRequest
    ) -> CreateUserTokenResponse:
        """For oneself, or for an administrator; 400 `userTokenAlreadyExists`."""

    @delete("/users/{userref}/tokens/{tokenname}", status=204)
    async def delete_user_token(self, userref: str, tokenname: str) -> None:
        """For oneself, or for an administrator; 404 `userTokenDoesNotExist`."""


class RemoteSourceRoutes(Contract):
    """Git hosts; `builtin` is this installation's own."""

    @get("/remotesources/{remotesourceref}")
    async def remote_source(self, remotesourceref: str) -> RemoteSourceResponse:
        """By id or name; 404 `remoteSourceDoesNotExist`."""

    @post("/remotesources", status=201)
    async def create_remote_source(self, request: CreateRemoteSourceRequest) -> RemoteSourceResponse:
        """For administrators; 400 `remoteSourceAlreadyExists` and what is invalid."""

    @put("/remotesources/{remotesourceref}", status=201)
    async def update_remote_source(
        self, remotesourceref: str, request: UpdateRemoteSourceRequest
    ) -> RemoteSourceResponse:
        """For administrators; errors as for creation, and 400 `remoteSourceIsBuiltin`."""

    @delete("/remotesources/{remotesourceref}", status=204)
    async def delete_remote_source(self, remotesourceref: str) -> None:
        """For administrators; 400 `remoteSourceInUse`, `remoteSourceIsBuiltin`."""


class OpenRoutes(Contract):
    """What anybody may ask without saying who they are; credentials are not looked at."""

    @get("/version")
    async def version(self) -> VersionResponse:
        """The version of this server."""

    @get("/remotesources")
    async def remote_sources(self, **wanted: Unpack[ListQuery]) -> Page[RemoteSourceResponse]:
        """All git hosts by name."""
