"""Users and their tokens in the public API."""

from functools import partial
from typing import Unpack

from msgspec import UNSET

from tidemill.contracts.configstore import Configstore, NewToken, NewUser, User
from tidemill.contracts.gateway.users import (
    CreateUserRequest,
    CreateUserTokenRequest,
    CreateUserTokenResponse,
    PrivateUserResponse,
    UserResponse,
    UserRoutes,
    UsersQuery,
)
from tidemill.contracts.remote_sources import RemoteSources
from tidemill.core.permissions import Action
from tidemill.errors import BadRequest, Forbidden, NotFound, Unauthorized
from tidemill.kit.contract import Page, current_call
from tidemill.services.gateway.door import current_caller, own
from tidemill.services.gateway.paging import names_page
from tidemill.services.gateway.remote_sources import found_source
from tidemill.services.gateway.removing import Removing


class Users(UserRoutes):
    """People and their tokens."""

    def __init__(self, configstore: Configstore, sources: RemoteSources, removing: Removing) -> None:
        self._configstore = configstore
        self._sources = sources
        self._removing = removing

    async def current_user(self) -> PrivateUserResponse:
        caller = current_caller()
        caller.require(Action.VIEW_SELF)
        return _private(await self._configstore.user(caller.actor.user_id))

    async def user(self, userref: str) -> UserResponse:
        current_caller().require(Action.VIEW_USER)
        return _public(await self._configstore.user(userref))

    async def users(self, **wanted: Unpack[UsersQuery]) -> Page[PrivateUserResponse]:
        names, query_type = names_page(wanted), wanted.get("query_type", "")
        _require_list()
        if query_type == "byremoteuser":
            source = await found_source(self._sources, wanted.get("remotesourceref", ""))
            raise NotFound(
                f"no user has the account {wanted.get('remoteuserid', '')!r} on {source.name}",
                code="linkedAccountDoesNotExist",
            )
        if query_type:
            raise BadRequest(f"query_type {query_type!r} is not known; it may be byremoteuser")
        page = await self._configstore.users(names.after, names.limit, names.ascending)
        return Page([_private(user) for user in page.items], names.cursor(page.cursor))

    async def create_user(self, request: CreateUserRequest) -> UserResponse:
        current_caller().require(Action.CHANGE_USERS)
        return _public(await self._configstore.create_user(NewUser(name=request.username)))

    async def delete_user(self, userref: str) -> None:
        current_caller().require(Action.CHANGE_USERS)
        user = await self._configstore.user(userref)
        await self._removing.with_all(
            partial(self._configstore.projects_below, f"user/{user.name}"),
            partial(self._configstore.delete_user, user.id),
        )

    async def create_user_token(
        self, userref: str, request: CreateUserTokenRequest
    ) -> CreateUserTokenResponse:
        user = await self._configstore.user(userref)
        current_caller().require(Action.MANAGE_TOKENS, own(user))
        made = await self._configstore.create_token(user.id, NewToken(name=request.token_name))
        return CreateUserTokenResponse(token=made.token)

    async def delete_user_token(self, userref: str, tokenname: str) -> None:
        user = await self._configstore.user(userref)
        current_caller().require(Action.MANAGE_TOKENS, own(user))
        await self._configstore.delete_token(user.id, tokenname)


def _require_list() -> None:
    """Agola refuses a list of users with 401, which its own client (it sends no Accept) relies on."""
    try:
        current_caller().require(Action.LIST_USERS)
    except Forbidden as error:
        if current_call().accept:
            raise
        raise Unauthorized(error.message) from error


def _public(user: User) -> UserResponse:
    return UserResponse(id=user.id, username=user.name)


def _private(user: User) -> PrivateUserResponse:
    return PrivateUserResponse(
        id=user.id,
        username=user.name,
        tokens=user.token_names,
        admin=user.is_admin or UNSET,
        disabled=user.is_disabled or UNSET,
    )
