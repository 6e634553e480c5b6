"""Starting queued runs and stopping superseded ones, as the policy says of what is seen."""

from collections.abc import Sequence

import anyio
import structlog
from starlette.routing import BaseRoute

from tidemill.contracts.runservice import Runservice, StartRun
from tidemill.errors import Conflict, Failure, NotFound
from tidemill.kit.back_off import back_off
from tidemill.kit.coord import Bells
from tidemill.kit.supervise import Faces, Loop
from tidemill.services.scheduler.policy import Start, Superseding, policy

#: Seconds that a question for queued groups may wait for a change.
_WAIT = 25.0
#: Seconds until what has failed is tried again though nothing has changed, longer each time.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, _WAIT
#: Runs started side by side; their transactions share a commit.
_AT_ONCE = 16

log = structlog.get_logger()


class SchedulerService:
    """Policy as a client of the runservice. Any number of these may run: a lost race is harmless."""

    def __init__(self, runservice: Runservice) -> None:
        self._runservice = runservice
        self._again = Bells().listen("again")
        self._version = 0
        self._failed_looks = 0
        self._has_failed = False

    def loops(self) -> list[Loop]:
        """One loop, which is nearly always waiting for the runservice to tell of a change."""
        return [Loop("start-queued-runs", self.start_queued, bell=self._again)]

    def faces(self) -> Faces:
        """Nobody asks it."""
        return {}

    def routes(self) -> Sequence[BaseRoute]:
        """It is asked nothing."""
        return []

    async def start(self) -> None:
        """It needs nobody to start; a runservice that is not there yet is asked again."""

    async def close(self) -> None:
        """It holds nothing."""
        self._again.close()

    async def start_queued(self) -> None:
        """Wait for a change, or until what has failed may be tried again; then start what may start."""
        found = await self._runservice.queued_groups(wait=self._patience(), after=self._version)
        self._has_failed = False
        decided = policy(found)
        for one in decided.supersede:
            await self._supersede(one)
        for first in range(0, len(decided.start), _AT_ONCE):
            async with anyio.create_task_group() as starts:
                for start in decided.start[first : first + _AT_ONCE]:
                    starts.start_soon(self._start, start)
        self._version = found.version
        self._failed_looks = self._failed_looks + 1 if self._has_failed else 0
        self._again.ring()

    def _patience(self) -> float:
        """Seconds that a look may wait for a change."""
        if not self._failed_looks:
            return _WAIT
        return back_off(self._failed_looks - 1, first=_FIRST_PAUSE, most=_LONGEST_PAUSE)

    async def _start(self, start: Start) -> None:
        try:
            await self._runservice.start_run(start.run, StartRun(token=start.token))
        except (Conflict, NotFound) as lost:
            # Somebody was faster. That was a change, so that the next question is answered at once.
            log.debug("run not started", run=start.run, group=start.group, reason=lost.message)
        except Failure as failure:
            # One run that cannot be started keeps no other from it; it is tried again, changed or not.
            self._has_failed = True
            log.warning("run not started", run=start.run, group=start.group, reason=failure.message)
        else:
            log.info("run started", run=start.run, group=start.group)

    async def _supersede(self, one: Superseding) -> None:
        end = self._runservice.stop_run if one.is_running else self._runservice.cancel_run
        try:
            await end(one.run, one.reason)
        except (Conflict, NotFound) as lost:
            log.debug("run not superseded", run=one.run, reason=lost.message)
        except Failure as failure:
            self._has_failed = True
            log.warning("run not superseded", run=one.run, reason=failure.message)
        else:
            log.info("run superseded", run=one.run, reason=one.reason)
