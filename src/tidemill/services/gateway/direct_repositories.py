"""The gateway's side of repositories of direct runs: who may at them, and what of them is needed."""

from tidemill.contracts.configstore import Configstore, TokenCheck
from tidemill.contracts.direct_runs import DirectAccessRequest, DirectRepositories, DirectUse, DirectValues
from tidemill.contracts.pushes import Access
from tidemill.contracts.runservice import RunQuery, Runservice
from tidemill.contracts.values import CLONE_TOKEN_PREFIX
from tidemill.core.direct_runs import DirectRepository, direct_repository
from tidemill.core.refs import user_group
from tidemill.errors import BadRequest, Forbidden, NotFound, Unauthorized
from tidemill.services.gateway.door import NOBODY, Door

_PORTION = 100


class DirectReception(DirectRepositories):
    """Answers the gitserver about repositories that are of users and of no project."""

    def __init__(
        self,
        configstore: Configstore,
        values: DirectValues,
        runservice: Runservice,
        door: Door,
        *,
        open_to_neighbours: bool,
    ) -> None:
        """*open_to_neighbours*: whoever is on the server's machine needs no token."""
        self._configstore = configstore
        self._values = values
        self._runservice = runservice
        self._door = door
        self._open_to_neighbours = open_to_neighbours

    async def direct_access(self, request: DirectAccessRequest) -> Access:
        repository = direct_repository(request.repository)
        if repository is None:
            raise BadRequest(f"{request.repository!r} is not the id of a repository of direct runs")
        if request.password.startswith(CLONE_TOKEN_PREFIX):
            return await self._job_access(request, repository)
        caller = await self._door.bearer(request.password) if request.password else NOBODY
        if caller is None:
            raise Unauthorized("the password is not a token that we know; use a user token")
        if caller is NOBODY and not (self._open_to_neighbours and request.is_local):
            raise Unauthorized("say who you are to use a repository of direct runs")
        if caller is not NOBODY and caller.actor.user_id != repository.user and not caller.actor.is_admin:
            raise Forbidden("this repository is another user's")
        if caller.actor.user_id != repository.user:
            await self._check_user(repository)
        return Access(project=repository.id, pusher=caller.actor.user_id)

    async def _check_user(self, repository: DirectRepository) -> None:
        """Whoever is not the user themselves makes no repositories for users who do not exist."""
        user = await self._configstore.user(repository.user)
        if user.id != repository.user:
            raise NotFound(f"there is no user {repository.user}", code="userDoesNotExist")

    async def _job_access(self, request: DirectAccessRequest, repository: DirectRepository) -> Access:
        """A job reads the repository that its run is of."""
        try:
            own_one = await self._values.direct_repository_of(TokenCheck(token=request.password))
        except NotFound as error:
            raise Unauthorized("the clone token is unknown or has expired") from error
        if request.write or own_one.repository != repository.id:
            raise Forbidden("a job reads the repository that its run is of, and changes none")
        return Access(project=repository.id)

    async def direct_use(self, user: str) -> DirectUse:
        try:
            found = await self._configstore.user(user)
        except NotFound as error:
            if error.code != "userDoesNotExist":
                raise
            return DirectUse(is_known=False)
        return DirectUse(is_known=found.id == user, commits=await self._commits(found.id))

    async def _commits(self, user: str) -> tuple[str, ...]:
        """Of the user's runs that are not over."""
        commits: set[str] = set()
        after: int | None = None
        while True:
            page = await self._runservice.runs(
                RunQuery(
                    group=user_group(user),
                    phases=("queued", "running"),
                    after=after,
                    ascending=True,
                    limit=_PORTION,
                )
            )
            commits |= {run.annotations.get("commit_sha", "") for run in page.items}
            if len(page.items) < _PORTION:
                return tuple(sorted(commits - {""}))
            after = page.items[-1].number
