"""What may be asked of the configstore about remote sources: git hosts that projects can be on."""

import msgspec

from tidemill.kit.contract import Contract, Page, PageLimit, delete, get, post, put

#: The remote source that is this installation's own git hosting; it always exists and never changes.
BUILTIN = "builtin"


class RemoteSource(msgspec.Struct, frozen=True, kw_only=True):
    """A git host, without what is secret of it."""

    id: str
    name: str
    type: str
    auth_type: str = ""
    api_url: str = ""
    skip_verify: bool = False
    oauth2_client_id: str = ""
    ssh_host_key: str = ""
    skip_ssh_host_key_check: bool = False
    registration_enabled: bool = True
    login_enabled: bool = True


class NewRemoteSource(msgspec.Struct, frozen=True, kw_only=True):
    """A git host to add."""

    name: str
    api_url: str
    type: str
    auth_type: str
    skip_verify: bool = False
    oauth2_client_id: str = ""
    oauth2_client_secret: str = ""
    ssh_host_key: str = ""
    skip_ssh_host_key_check: bool = False
    registration_enabled: bool = True
    login_enabled: bool = True

    def __repr__(self) -> str:
        return f"NewRemoteSource(name={self.name!r}, …)"


class RemoteSourceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Changes to a git host; None leaves as it is. What kind of host it is does not change."""

    name: str | None = None
    api_url: str | None = None
    skip_verify: bool | None = None
    oauth2_client_id: str | None = None
    oauth2_client_secret: str | None = None
    ssh_host_key: str | None = None
    skip_ssh_host_key_check: bool | None = None
    registration_enabled: bool | None = None
    login_enabled: bool | None = None

    def __repr__(self) -> str:
        return f"RemoteSourceUpdate(name={self.name!r}, …)"


class RemoteSources(Contract):
    """Git hosts, by id or name; 404 `remoteSourceDoesNotExist`."""

    @get("/remote-sources/{ref}")
    async def remote_source(self, ref: str) -> RemoteSource:
        """One of them."""

    @get("/remote-sources")
    async def remote_sources(
        self, after: str = "", limit: PageLimit = 30, ascending: bool = True
    ) -> Page[RemoteSource]:
        """By name, exclusive of *after*."""

    @post("/remote-sources", status=201)
    async def create_remote_source(self, request: NewRemoteSource) -> RemoteSource:
        """400, in this order, as listed.

        `invalidRemoteSourceName`, `invalidRemoteSourceAPIURL`, `invalidRemoteSourceType`,
        `invalidRemoteSourceAuthType`, `invalidOauth2ClientID`, `invalidOauth2ClientSecret`,
        `remoteSourceAlreadyExists`.
        """

    @put("/remote-sources/{ref}")
    async def update_remote_source(self, ref: str, request: RemoteSourceUpdate) -> RemoteSource:
        """Errors as for creation; 400 `remoteSourceIsBuiltin`."""

    @delete("/remote-sources/{ref}", status=204)
    async def delete_remote_source(self, ref: str) -> None:
        """400 `remoteSourceIsBuiltin`, and `remoteSourceInUse` while projects are on it."""
