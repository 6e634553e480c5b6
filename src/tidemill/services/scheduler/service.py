"""Starts the oldest queued run of every group that has none running."""

from collections.abc import Sequence

import structlog
from starlette.routing import BaseRoute

from tidemill.contracts.runservice import QueuedGroup, Runservice, StartRun
from tidemill.errors import Conflict, NotFound
from tidemill.kit.supervise import Loop

#: Seconds to wait at the runservice for a change; it answers at once when there is one.
WAIT = 25.0

log = structlog.get_logger("scheduler")


class SchedulerService:
    """Owns nothing: everything it needs is in the runservice's answer. Any number of it may run."""

    def __init__(self, runservice: Runservice) -> None:
        self._runservice = runservice
        self._seen = 0

    def loops(self) -> list[Loop]:
        """One loop whose work waits at the runservice; its tick only restarts what has failed."""
        return [Loop("scheduler", self.run)]

    def routes(self) -> Sequence[BaseRoute]:
        """Nobody asks it."""
        return []

    async def start(self) -> None:
        """Nothing to prepare."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def run(self) -> None:
        """Start what may start, after every change, until cancelled or the runservice is away."""
        while True:
            await self.start_queued(WAIT)

    async def start_queued(self, wait: float) -> None:
        """Start what may start, now or after the next change within *wait* seconds."""
        answer = await self._runservice.queued_groups(wait, self._seen)
        for group in answer.groups:
            if not group.running:
                await self._start(group)
        self._seen = answer.version

    async def _start(self, group: QueuedGroup) -> None:
        try:
            await self._runservice.start_run(group.queued[0], StartRun(token=group.token))
        except (Conflict, NotFound) as error:
            # Somebody else was faster, or the run was cancelled: the next answer shows how it is now.
            log.debug("not started", run=group.queued[0], group=group.group, reason=error.message)
