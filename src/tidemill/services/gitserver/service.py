"""The gitserver's face: its contract, its routes for git clients, its loop."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from starlette.routing import BaseRoute

from tidemill.contracts.direct_runs import DirectRepositories
from tidemill.contracts.gitserver import (
    Branch,
    Changes,
    ChangesRequest,
    Commit,
    Files,
    FilesRequest,
    Gitserver,
    KeepRequest,
)
from tidemill.contracts.pushes import Pushes
from tidemill.core.direct_runs import direct_repository
from tidemill.kit.db import Database
from tidemill.kit.git.reading import ObjectReader
from tidemill.kit.git.repository import Repository
from tidemill.kit.git.running import Git
from tidemill.kit.http import serve
from tidemill.kit.supervise import Faces, Loop
from tidemill.services.gitserver.contents import Contents
from tidemill.services.gitserver.direct.cleaning import Cleaning
from tidemill.services.gitserver.direct.http import DirectHttp
from tidemill.services.gitserver.direct.repositories import DirectOnDisk
from tidemill.services.gitserver.push_log import PushLog
from tidemill.services.gitserver.receiving import Receiving
from tidemill.services.gitserver.repositories import CONFIG, Repositories
from tidemill.services.gitserver.smart_http import SmartHttp
from tidemill.settings import GitserverSettings

PREFIX = "/internal/gitserver"
MIGRATIONS = "tidemill.services.gitserver.migrations"
#: Seconds that a process for reading objects is kept without use.
IDLE = 60.0
#: Seconds between looks for repositories that were pushed to and are to be packed.
PACKING = 900.0


class GitserverService(Gitserver):
    """Git hosting over HTTP, and commits and files for the other services."""

    def __init__(  # noqa: PLR0913 - it is told all that it cannot find out
        self,
        settings: GitserverSettings,
        data_dir: Path,
        db: Database,
        pushes: Pushes,
        direct: DirectRepositories,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        is_loopback_only: bool = False,
    ) -> None:
        """*is_loopback_only*: nobody can reach the server from another machine."""
        self._git = Git(CONFIG)
        self._reader = ObjectReader(self._git)
        self._contents = Contents(self._git, self._reader)
        self._log = PushLog(db, pushes, clock=clock, new_id=new_id)
        self._repositories = Repositories(
            self._git, data_dir / "repositories", self._log, self._reader, new_id=new_id
        )
        receiving = Receiving(self._log, self._reader, wait=settings.push_wait)
        self._http = SmartHttp(pushes, self._repositories, receiving)
        self._direct = DirectOnDisk(
            self._git, data_dir / "direct", self._reader, settings, clock=clock, new_id=new_id
        )
        self._direct_http = DirectHttp(
            direct, self._direct, self._contents, is_loopback_only=is_loopback_only
        )
        self._cleaning = Cleaning(direct, self._direct, settings, clock=clock)
        self._cleanup_interval = settings.repository_cleanup_interval
        self._is_looked_over = False

    async def start(self) -> None:
        """Check what the machine has, and tidy up after an earlier life."""
        await self._git.check()
        await self._repositories.start()
        await self._direct.start()
        await self._log.start()

    async def close(self) -> None:
        """End the processes that are kept for reading."""
        await self._reader.close()

    def faces(self) -> Faces:
        """What the gateway may ask."""
        return {Gitserver: self}

    def routes(self) -> Sequence[BaseRoute]:
        """For git clients, and the contract for other services."""
        return [*self._http.routes(), *self._direct_http.routes(), *serve(Gitserver, self, PREFIX)]

    def loops(self) -> list[Loop]:
        """Settle and tell what could not be told at once; pack what was pushed; remove what is old."""
        return [
            Loop("gitserver.pushes", self.deliver, bell=self._log.bell),
            Loop("gitserver.packing", self._repositories.pack, seconds=PACKING),
            Loop("gitserver.cleaning", self._cleaning.clean, seconds=self._cleanup_interval),
        ]

    async def deliver(self) -> None:
        """Settle pushes whose end nobody saw, and tell the gateway what it does not know yet."""
        for project in await self._log.projects_with_pending():
            await self._repositories.recover(project)
        await self._log.deliver()
        if not self._is_looked_over:
            for project in await self._log.projects():
                await self._repositories.recover(project)
            self._is_looked_over = True
        await self._reader.close_idle(IDLE)

    async def commit(self, project: str, revision: str) -> Commit:
        """Resolve a full ref, or a commit hash of at least seven digits."""
        return await self._contents.commit(self._existing(project), revision)

    async def files(self, project: str, request: FilesRequest) -> Files:
        """Read files of one commit; a path that does not exist there is left out."""
        return await self._contents.files(self._existing(project), request)

    async def changes(self, project: str, request: ChangesRequest) -> Changes:
        """Which files differ between two commits."""
        return await self._contents.changes(self._existing(project), request)

    async def default_branch(self, project: str) -> Branch:
        """The branch a clone checks out."""
        return await self._contents.default_branch(self._existing(project))

    async def delete_repository(self, project: str) -> None:
        """Remove a repository; doing it again is harmless."""
        await self._repositories.delete(project)

    async def keep_commit(self, project: str, request: KeepRequest) -> None:
        """Hold on to a commit of a repository of direct runs."""
        await self._direct.keep(project, request.commit)

    def _existing(self, id: str) -> Repository:
        """The repository with this id, of a project or of direct runs."""
        is_direct = direct_repository(id) is not None
        return self._direct.existing(id) if is_direct else self._repositories.existing(id)
