"""Remote sources of the public API: git hosts, and what anybody may ask."""

from typing import Unpack

from tidemill import __version__
from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.users import (
    CreateRemoteSourceRequest,
    OpenRoutes,
    RemoteSourceResponse,
    RemoteSourceRoutes,
    UpdateRemoteSourceRequest,
    VersionResponse,
)
from tidemill.contracts.remote_sources import (
    BUILTIN,
    NewRemoteSource,
    RemoteSource,
    RemoteSources,
    RemoteSourceUpdate,
)
from tidemill.core.permissions import Action
from tidemill.errors import NotFound
from tidemill.kit.contract import Page
from tidemill.services.gateway.door import current_caller
from tidemill.services.gateway.paging import names_page


class GitHosts(RemoteSourceRoutes):
    """Git hosts, one at a time."""

    def __init__(self, sources: RemoteSources, *, registration: bool) -> None:
        self._sources = sources
        self._registration = registration

    async def remote_source(self, remotesourceref: str) -> RemoteSourceResponse:
        current_caller().require(Action.VIEW_REMOTE_SOURCE)
        return _shown(self._registration, await self._sources.remote_source(remotesourceref))

    async def create_remote_source(self, request: CreateRemoteSourceRequest) -> RemoteSourceResponse:
        current_caller().require(Action.CHANGE_REMOTE_SOURCES)
        new = NewRemoteSource(
            name=request.name,
            api_url=request.apiurl,
            type=request.type,
            auth_type=request.auth_type,
            skip_verify=request.skip_verify,
            oauth2_client_id=request.oauth_2_client_id,
            oauth2_client_secret=request.oauth_2_client_secret,
            ssh_host_key=request.ssh_host_key,
            skip_ssh_host_key_check=request.skip_ssh_host_key_check,
            registration_enabled=request.registration_enabled is not False,
            login_enabled=request.login_enabled is not False,
        )
        return _shown(self._registration, await self._sources.create_remote_source(new))

    async def update_remote_source(
        self, remotesourceref: str, request: UpdateRemoteSourceRequest
    ) -> RemoteSourceResponse:
        current_caller().require(Action.CHANGE_REMOTE_SOURCES)
        changes = RemoteSourceUpdate(
            name=request.name,
            api_url=request.apiurl,
            skip_verify=request.skip_verify,
            oauth2_client_id=request.oauth_2_client_id,
            oauth2_client_secret=request.oauth_2_client_secret,
            ssh_host_key=request.ssh_host_key,
            skip_ssh_host_key_check=request.skip_ssh_host_key_check,
            registration_enabled=request.registration_enabled,
            login_enabled=request.login_enabled,
        )
        return _shown(self._registration, await self._sources.update_remote_source(remotesourceref, changes))

    async def delete_remote_source(self, remotesourceref: str) -> None:
        current_caller().require(Action.CHANGE_REMOTE_SOURCES)
        await self._sources.delete_remote_source(remotesourceref)


class Open(OpenRoutes):
    """What anybody may ask."""

    def __init__(self, sources: RemoteSources, *, registration: bool) -> None:
        self._sources = sources
        self._registration = registration

    async def version(self) -> VersionResponse:
        return VersionResponse(service="gateway", version=__version__)

    async def remote_sources(self, **wanted: Unpack[ListQuery]) -> Page[RemoteSourceResponse]:
        names = names_page(wanted)
        page = await self._sources.remote_sources(names.after, names.limit, names.ascending)
        return Page([_shown(self._registration, source) for source in page.items], names.cursor(page.cursor))


async def found_source(sources: RemoteSources, ref: str) -> RemoteSource:
    """The git host that a body or a query names, which may name none."""
    if not ref:
        raise NotFound("no remote source is named", code="remoteSourceDoesNotExist")
    return await sources.remote_source(ref)


def _shown(registration: bool, source: RemoteSource) -> RemoteSourceResponse:
    """A git host; on our own users register if the settings say so."""
    return RemoteSourceResponse(
        id=source.id,
        name=source.name,
        auth_type=source.auth_type,
        registration_enabled=source.registration_enabled and (registration or source.type != BUILTIN),
        login_enabled=source.login_enabled,
    )
