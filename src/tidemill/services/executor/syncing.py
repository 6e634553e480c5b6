"""The one conversation with the runservice: what we have, in full, for what shall change."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import anyio
import structlog

from tidemill.contracts.jobs import ExecutorInfo, Jobs, SyncAnswer, SyncRequest
from tidemill.core.job import JobId
from tidemill.errors import Conflict, Failure
from tidemill.kit.back_off import back_off
from tidemill.services.executor.holding import Holding

log = structlog.get_logger()

WAIT = 20.0
"""Seconds that a sync without news may wait for something to do."""

EARLY = 0.1
"""An answer within so many seconds, although the sync was ready to wait, is early."""

LULL = 0.01
"""Seconds that progress waits for more of it: a short job is told in one sync."""

_CALL_LIMIT = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_LONGEST_REST = 1.0


class Syncing:
    """One sync in flight at a time. With news it is answered at once; without, it waits for work.

    News while a sync waits ends it for a new one; news while one is being answered travel together
    in the next.
    """

    def __init__(
        self,
        jobs: Jobs,
        info: Callable[[], ExecutorInfo],
        holding: Holding,
        clock: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._info = info
        self._holding = holding
        self._clock = clock
        self._sequence = 0
        self._has_news = True
        self._resting: anyio.CancelScope | None = None
        self._soon: asyncio.TimerHandle | None = None

    def tell(self, *, at_once: bool = True) -> None:
        """There is something new to report; unless *at_once* it waits a moment for company."""
        if not at_once:
            if not self._has_news and self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(LULL, self.tell)
            return
        self._has_news = True
        if self._resting is not None:
            self._resting.cancel()

    async def forever(self) -> None:
        """Sync until cancelled; the server being away only makes it slower."""
        failures, idle = 0, 0
        while True:
            try:
                has_effect = await self.once()
            except Exception as error:  # no answer may end the work on other jobs
                self._has_news = True
                if not failures:
                    log.warning("runservice is away, trying again", error=str(error) or type(error).__name__)
                if not isinstance(error, Failure | OSError):
                    log.exception("sync failed")
                await anyio.sleep(_pause(failures))
                failures += 1
                continue
            if failures:
                log.info("runservice is back")
            failures = 0
            idle = 0 if has_effect else idle + 1
            if idle:  # it repeats itself: that may not become a busy loop
                with self._interruptible():
                    await anyio.sleep(min(_pause(idle), _LONGEST_REST))

    async def once(self) -> bool:
        """One sync; False when its answer came early and changed nothing."""
        if self._soon is not None:
            with self._interruptible():
                await anyio.sleep(2 * LULL)
            self._soon.cancel()
            self._soon = None
        is_urgent, self._has_news = self._has_news, False
        reports = self._holding.reports()
        self._sequence = self._sequence + 1 if self._sequence else int(self._clock().timestamp() * 1e6)
        request = SyncRequest(
            executor=self._info(), jobs=reports, wait=0 if is_urgent else WAIT, sequence=self._sequence
        )
        began = anyio.current_time()
        answer = await (self._answered(request) if is_urgent else self._answered_unless_news(request))
        if answer is None:
            return True
        has_effect = await self._apply(answer, {report.id: report.generation for report in reports})
        return has_effect or is_urgent or anyio.current_time() - began > EARLY

    async def _answered(self, request: SyncRequest) -> SyncAnswer:
        with anyio.fail_after(request.wait + _CALL_LIMIT):
            try:
                return await self._jobs.sync(request)
            except Conflict as conflict:
                if conflict.code == "staleSync":  # the clock has been set back since an earlier life
                    self._sequence = max(self._sequence, conflict.details["sequence"])
                raise

    async def _answered_unless_news(self, request: SyncRequest) -> SyncAnswer | None:
        with self._interruptible():
            return await self._answered(request)
        return None

    async def _apply(self, answer: SyncAnswer, listed: dict[JobId, int]) -> bool:
        """Do what the answer says; it speaks of the generations that were *listed*."""
        holding = self._holding
        has_accepted = await holding.accept(answer.start)
        self._has_news = self._has_news or has_accepted
        effects = [has_accepted]
        effects += [holding.run(accepted) for accepted in answer.run]
        effects += [holding.stop(job, listed.get(job)) for job in answer.stop]
        effects += [await holding.fence(job, listed.get(job)) for job in answer.fenced]
        effects += [await holding.forget(job, listed.get(job)) for job in answer.forget]
        return any(effects)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """What is waited for inside ends when there are news."""
        with anyio.CancelScope() as scope:
            if self._has_news:
                scope.cancel()
            self._resting = scope
            try:
                yield
            finally:
                self._resting = None


def _pause(failures: int) -> float:
    longest = back_off(failures, first=_FIRST_PAUSE, most=_LONGEST_PAUSE)
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter
