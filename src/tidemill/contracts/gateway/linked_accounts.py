"""Linked accounts: who a user is on a remote source, and what they have there."""

import msgspec

from tidemill.kit.contract import Contract, delete, get, post


class CreateUserLARequest(msgspec.Struct, frozen=True, kw_only=True):
    """An account on a remote source to link: log in there, by password or (without one) in a browser."""

    remote_source_name: str = ""
    remote_source_login_name: str = ""
    remote_source_login_password: str = ""

    def __repr__(self) -> str:
        return f"CreateUserLARequest(remote_source_name={self.remote_source_name!r}, …)"


class LinkedAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account that was linked; whatever is empty is left out."""

    id: str = ""
    remote_user_id: str = ""
    remote_username: str = ""
    remote_user_avatar_url: str = ""
    remote_source_id: str = ""


class CreateUserLAResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The account, or where to go in a browser to link it."""

    linked_account: LinkedAccount | None
    oauth2_redirect: str


class RemoteRepoResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A repository on a remote source."""

    id: str = ""
    path: str = ""


class LinkedAccountRoutes(Contract):
    """Accounts of users on remote sources; on the source `builtin` nobody has or needs one."""

    @post("/users/{userref}/linkedaccounts", status=201)
    async def create_linked_account(self, userref: str, request: CreateUserLARequest) -> CreateUserLAResponse:
        """For oneself; 404 `remoteSourceDoesNotExist`; 400 `remoteSourceNotSupported` so far."""

    @delete("/users/{userref}/linkedaccounts/{laid}", status=204)
    async def delete_linked_account(self, userref: str, laid: str) -> None:
        """For oneself, or for an administrator; 404 `linkedAccountDoesNotExist`."""

    @get("/user/remoterepos/{remotesourceref}")
    async def remote_repositories(self, remotesourceref: str) -> tuple[RemoteRepoResponse, ...]:
        """The caller's repositories there by path; 400 `remoteSourceNotSupported` unless it is `builtin`."""
