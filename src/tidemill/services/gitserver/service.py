"""The gitserver's face: its contract, its routes for git clients, its loop."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from starlette.routing import BaseRoute

from tidemill.contracts.gitserver import (
    Branch,
    Changes,
    ChangesRequest,
    Commit,
    Files,
    FilesRequest,
    Gitserver,
)
from tidemill.contracts.pushes import Pushes
from tidemill.kit.db import Database
from tidemill.kit.git.reading import ObjectReader
from tidemill.kit.git.running import Git
from tidemill.kit.http import serve
from tidemill.kit.supervise import Faces, Loop
from tidemill.services.gitserver.contents import Contents
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

    def __init__(
        self,
        settings: GitserverSettings,
        data_dir: Path,
        db: Database,
        pushes: Pushes,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._git = Git(CONFIG)
        self._reader = ObjectReader(self._git)
        self._contents = Contents(self._git, self._reader)
        self._log = PushLog(db, pushes, clock=clock, new_id=new_id)
        self._repositories = Repositories(
            self._git, data_dir / "repositories", self._log, self._reader, new_id=new_id
        )
        receiving = Receiving(self._log, self._reader, wait=settings.push_wait)
        self._http = SmartHttp(pushes, self._repositories, receiving)
        self._is_looked_over = False

    async def start(self) -> None:
        """Check what the machine has, and tidy up after an earlier life."""
        await self._git.check()
        await self._repositories.start()
        await self._log.start()

    async def close(self) -> None:
        """End the processes that are kept for reading."""
        await self._reader.close()

    def faces(self) -> Faces:
        """What the gateway may ask."""
        return {Gitserver: self}

    def routes(self) -> Sequence[BaseRoute]:
        """For git clients, and the contract for other services."""
        return [*self._http.routes(), *serve(Gitserver, self, PREFIX)]

    def loops(self) -> list[Loop]:
        """Settle and tell what could not be told at once; pack what was pushed."""
        return [
            Loop("gitserver.pushes", self.deliver, bell=self._log.bell),
            Loop("gitserver.packing", self._repositories.pack, seconds=PACKING),
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
        return await self._contents.commit(self._repositories.existing(project), revision)

    async def files(self, project: str, request: FilesRequest) -> Files:
        """Read files of one commit; a path that does not exist there is left out."""
        return await self._contents.files(self._repositories.existing(project), request)

    async def changes(self, project: str, request: ChangesRequest) -> Changes:
        """Which files differ between two commits."""
        return await self._contents.changes(self._repositories.existing(project), request)

    async def default_branch(self, project: str) -> Branch:
        """The branch a clone checks out."""
        return await self._contents.default_branch(self._repositories.existing(project))

    async def delete_repository(self, project: str) -> None:
        """Remove a repository; doing it again is harmless."""
        await self._repositories.delete(project)
