"""Ending runs and removing repositories with their projects, also when the server dies in between."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog

from tidemill.contracts.configstore import Configstore, ProjectIds
from tidemill.contracts.gitserver import Gitserver
from tidemill.contracts.runservice import RunQuery, Runservice
from tidemill.contracts.storage import Storage
from tidemill.core.refs import project_group
from tidemill.core.run import Phase
from tidemill.errors import Conflict, Failure, NotFound
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.supervise import Loop
from tidemill.services.gateway.store import removals

BELL = "removals"
#: Longer than any deletion of a project takes.
_PATIENCE = timedelta(minutes=2)

#: How often one looks anew because a project was made before what holds it could go.
_MOST_LOOKS = 5

_REASON = "the project was deleted"

log = structlog.get_logger("removing")


class Removing:
    """Writes down what is to be removed before its project is deleted, and removes it afterwards."""

    def __init__(  # noqa: PLR0913 - everybody has something of a project
        self,
        db: Database,
        bells: Bells,
        configstore: Configstore,
        runservice: Runservice,
        gitserver: Gitserver,
        storage: Storage,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._bells = bells
        self._bell = bells.listen(BELL)
        self._configstore = configstore
        self._runservice = runservice
        self._gitserver = gitserver
        self._storage = storage
        self._clock = clock

    def loop(self) -> Loop:
        """Its supervised work."""
        return Loop(BELL, self.work, 60.0, self._bell)

    def close(self) -> None:
        """Hear nothing any more."""
        self._bell.close()

    @asynccontextmanager
    async def of(self, projects: Sequence[str]) -> AsyncIterator[None]:
        """Around the deletion of projects: their repositories go once they are gone."""
        later = self._clock() + _PATIENCE
        await self._db.do(lambda tx: removals.add(tx, projects, later))
        yield
        now = self._clock()

        async def begin(tx: Transaction) -> None:
            await removals.add(tx, projects, now)
            tx.after_commit(self._bells.ring, BELL)

        await self._db.do(begin)

    async def with_all(
        self,
        look: Callable[[], Awaitable[ProjectIds]],
        delete: Callable[[ProjectIds], Awaitable[None]],
    ) -> None:
        """Delete what holds projects: *delete* refuses while there are others than *look* has seen."""
        for tried in range(1, _MOST_LOOKS + 1):
            seen = await look()
            try:
                async with self.of(seen.projects):
                    await delete(seen)
            except Conflict as error:
                if error.code != "projectGroupChanged" or tried == _MOST_LOOKS:
                    raise
            else:
                return

    async def work(self) -> None:
        """End and remove the runs of all projects that are gone, and remove their repositories."""
        for project in await self._db.read(lambda tx: removals.due(tx, self._clock())):
            try:
                if not await self._exists(project):
                    await self._end_runs(project)
                    await self._storage.delete_group(project_group(project))
                    await self._gitserver.delete_repository(project)
                await self._forget(project)
            except Failure as error:
                log.warning("project not cleared away yet", project=project, reason=error.message)

    async def _end_runs(self, project: str) -> None:
        """Cancel and stop its runs, which nobody can see any more and so nobody else will."""
        still_open = RunQuery(group=project_group(project), phases=(Phase.QUEUED, Phase.RUNNING), limit=0)
        has_moved = True
        while has_moved:
            has_moved = False
            for run in (await self._runservice.runs(still_open)).items:
                try:
                    if run.phase is Phase.QUEUED:
                        await self._runservice.cancel_run(run.id, _REASON)
                    elif not run.stopping:
                        await self._runservice.stop_run(run.id, _REASON)
                except Conflict:
                    has_moved = True  # it was started, or has ended, since it was listed

    async def _forget(self, project: str) -> None:
        await self._db.do(lambda tx: removals.forget(tx, project))

    async def _exists(self, project: str) -> bool:
        """Only the configstore's own answer proves that a project is gone."""
        try:
            await self._configstore.project(project)
        except NotFound as error:
            if error.code != "projectDoesNotExist":
                raise
            return False
        return True
