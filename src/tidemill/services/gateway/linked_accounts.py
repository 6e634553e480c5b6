"""Linked accounts of users, and their repositories on remote sources."""

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.linked_accounts import (
    CreateUserLARequest,
    CreateUserLAResponse,
    LinkedAccountRoutes,
    RemoteRepoResponse,
)
from tidemill.contracts.remote_sources import BUILTIN, RemoteSource, RemoteSources
from tidemill.core.permissions import Action
from tidemill.errors import BadRequest, Failure, NotFound
from tidemill.services.gateway.door import current_caller, own
from tidemill.services.gateway.remote_sources import found_source


class LinkedAccounts(LinkedAccountRoutes):
    """There is none: on `builtin` users are who they are here, and other hosts are not asked yet."""

    def __init__(self, configstore: Configstore, sources: RemoteSources) -> None:
        self._configstore = configstore
        self._sources = sources

    async def create_linked_account(self, userref: str, request: CreateUserLARequest) -> CreateUserLAResponse:
        user = await self._configstore.user(userref)
        caller = current_caller()
        caller.require(Action.LINK_ACCOUNT, own(user))
        if caller.actor.user_id != user.id:
            raise BadRequest("an account is linked by its owner alone, who has to log in there")
        source = await found_source(self._sources, request.remote_source_name)
        if source.type == BUILTIN:
            raise BadRequest(
                f"{source.name!r} is this installation's own git hosting, where every user is known already",
                code="remoteSourceHasNoAccounts",
            )
        raise _not_yet(source)

    async def delete_linked_account(self, userref: str, laid: str) -> None:
        user = await self._configstore.user(userref)
        current_caller().require(Action.UNLINK_ACCOUNT, own(user))
        raise NotFound(f"user {user.name!r} has no linked account {laid!r}", code="linkedAccountDoesNotExist")

    async def remote_repositories(self, remotesourceref: str) -> tuple[RemoteRepoResponse, ...]:
        caller = current_caller()
        caller.require(Action.VIEW_SELF)
        source = await found_source(self._sources, remotesourceref)
        if source.type != BUILTIN:
            raise _not_yet(source)
        projects = (await self._configstore.user_projects(caller.actor.user_id)).projects
        return tuple(RemoteRepoResponse(id=project.id, path=project.repo_path) for project in projects)


def _not_yet(source: RemoteSource) -> Failure:
    return BadRequest(
        f"accounts and repositories on a {source.type} come with a later version; so far use {BUILTIN!r}",
        code="remoteSourceNotSupported",
    )
