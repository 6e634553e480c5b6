"""Direct runs between services: who may at their repositories, and what their jobs are given."""

import msgspec

from tidemill.contracts.configstore import TokenCheck
from tidemill.contracts.pushes import Access
from tidemill.kit.contract import Contract, get, post

#: Bytes that the variables of a run may have in all, names and values.
MOST_VARIABLES = 64 * 1024


class DirectVariables(msgspec.Struct, frozen=True, kw_only=True):
    """What a direct run is given, for the jobs of that run alone."""

    repository: str
    """The id of the repository that it is of."""
    variables: dict[str, str]

    def __repr__(self) -> str:
        return f"DirectVariables({self.repository}: {', '.join(self.variables)})"


class SealedScope(msgspec.Struct, frozen=True):
    """The scope of a run, which gives its jobs those variables and a clone token."""

    scope: str


class CloneableRepository(msgspec.Struct, frozen=True):
    """What a clone token may read."""

    repository: str


class DirectAccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Someone wants at a repository of direct runs."""

    repository: str
    """Its id."""
    write: bool
    password: str = ""
    """A user token, or a clone token of a job."""
    is_local: bool = False
    """They are on the server's own machine, and nobody can reach the server from another."""


class DirectUse(msgspec.Struct, frozen=True, kw_only=True):
    """What is still needed of a user's repositories."""

    is_known: bool
    """The user exists."""
    commits: tuple[str, ...] = ()
    """Of runs that are queued or running."""


class DirectValues(Contract):
    """The configstore's side: what jobs of direct runs are given."""

    @post("/direct-runs/scopes", limit=4 * MOST_VARIABLES)
    async def seal_direct_variables(self, request: DirectVariables) -> SealedScope:
        """The scope for a run with these variables; nothing is stored."""

    @post("/direct-runs/clone-tokens/check")
    async def direct_repository_of(self, request: TokenCheck) -> CloneableRepository:
        """What a clone token of a direct run's job may read; 404 `cloneTokenDoesNotExist`, also expired."""


class DirectRepositories(Contract):
    """The gateway's side: who may at repositories of direct runs, and what is needed of them."""

    @post("/direct-runs/access")
    async def direct_access(self, request: DirectAccessRequest) -> Access:
        """Whether the caller may; 401 asks for credentials, 403 refuses. *project* is the repository's id."""

    @get("/direct-runs/use/{user}")
    async def direct_use(self, user: str) -> DirectUse:
        """What may not be removed of the repositories of the user with this id."""
