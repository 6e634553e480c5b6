"""What nobody needs any more of direct runs' repositories goes (reference, run configuration 8.6)."""

from collections.abc import Callable, Collection
from datetime import datetime

import anyio.to_thread
import structlog

from tidemill.contracts.direct_runs import DirectRepositories, DirectUse
from tidemill.core.direct_runs import DirectRepository
from tidemill.errors import Failure
from tidemill.kit.git.repository import Repository
from tidemill.services.gitserver.direct.repositories import KEPT, DirectOnDisk
from tidemill.settings import GitserverSettings

#: Seconds that somebody who has just made a repository has for pushing to it.
NEW_SECONDS = 3600.0

log = structlog.get_logger("gitserver")


class Cleaning:
    """Removes old refs, then repositories that have none, and those of users who are gone.

    A ref goes when its commit is older than the settings say; that of a run when the run was made before
    then. What runs that are not over need stays, and so does everything while the gateway is away.
    """

    def __init__(
        self,
        gateway: DirectRepositories,
        repositories: DirectOnDisk,
        settings: GitserverSettings,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._gateway = gateway
        self._repositories = repositories
        self._settings = settings
        self._clock = clock

    async def clean(self) -> None:
        """Look at every repository once."""
        for user in await anyio.to_thread.run_sync(self._repositories.users):
            try:
                use = await self._gateway.direct_use(user)
            except Failure as error:
                log.warning("repositories not cleaned", user=user, error=error.message)
                continue
            for repository in self._repositories.of_user(user):
                try:
                    await self._clean(repository, use)
                except Failure as error:
                    log.warning("repository not cleaned", repository=repository.id, error=error.message)

    async def _clean(self, repository: DirectRepository, use: DirectUse) -> None:
        found = self._repositories.at(repository)
        async with self._repositories.alone(repository) as is_unused:
            if not is_unused:
                return
            if not use.is_known or await self._is_empty(found, use.commits):
                await self._repositories.delete(repository)
                log.info("repository removed", repository=repository.id)
                return
        if repository in self._repositories.pushed_to:
            self._repositories.pushed_to.discard(repository)
            await found.collect()

    async def _is_empty(self, repository: Repository, needed: Collection[str]) -> bool:
        """Remove what is old; answers whether nothing is left of a repository that is not new."""
        expired = self._settings.repository_refs_expire_interval
        now = self._clock().timestamp()
        left = 0
        for ref, sha, moment in await repository.dated_refs(("refs/heads/", "refs/tags/", KEPT)):
            made = _made_at(ref) if ref.startswith(KEPT) else moment
            if expired and now - made > expired and sha not in needed:
                await repository.drop_ref(ref)
            else:
                left += 1
        return left == 0 and now - repository.path.stat().st_mtime > NEW_SECONDS


def _made_at(ref: str) -> float:
    """When the run was made that *ref* holds the commit of."""
    text = ref.removeprefix(KEPT).partition("/")[0]
    return float(text) if text.isdigit() else 0.0
