"""Talking with executors: look, wait until there is something to say, fetch values, answer."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import anyio
import structlog

from tidemill.contracts.jobs import AcceptedJob, SyncAnswer, SyncRequest
from tidemill.contracts.values import Values, ValuesRequest
from tidemill.core.job import ExecutorId
from tidemill.core.placement import Room
from tidemill.errors import BadRequest, Failure, Forbidden, NotFound
from tidemill.kit.coord import Bell
from tidemill.kit.db import Database, Transaction
from tidemill.services.runservice.changing import Means
from tidemill.services.runservice.claiming import Rivals
from tidemill.services.runservice.syncing import Found, Granted, Look

_LONGEST_WAIT = 30.0
_VALUES_LIMIT = 10.0
#: Seconds after which values are asked for again, doubled each time.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
#: Seconds for which an executor leaves jobs to those with more room, who need a few milliseconds.
_COURTESY = 0.05

log = structlog.get_logger()


class Answering:
    """Serves syncs. Cancelling one loses nothing: whatever it has done is said again in the next."""

    def __init__(self, db: Database, means: Means, values: Values, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._means = means
        self._values = values
        self._clock = clock
        self._turn = anyio.Lock()
        self.waiting: dict[ExecutorId, Room] = {}
        """Executors that wait for jobs at this moment, each with the room that it has."""

    async def answer(self, request: SyncRequest) -> SyncAnswer:
        """What the executor shall change, as soon as there is anything, or nothing after the wait."""
        wait = max(0.0, min(request.wait, _LONGEST_WAIT, self._means.lease.total_seconds() / 3))
        deadline = anyio.current_time() + wait
        own = f"executor/{request.executor.id}"
        pause = _FIRST_PAUSE
        with self._means.bells.listen(own) as mine, self._means.bells.listen(own, "jobs") as any_job:
            found = await self._look(request, dict(self.waiting))
            while True:
                run = [job for job in await asyncio.gather(*map(self._accepted, found.granted)) if job]
                is_waiting_for_values = len(run) < len(found.granted)
                remaining = deadline - anyio.current_time()
                if remaining <= 0 or run or found.has_orders:
                    return _answer(found, run)
                if is_waiting_for_values:
                    remaining, pause = min(remaining, pause), min(2 * pause, _LONGEST_PAUSE)
                if found.has_left:
                    remaining = min(remaining, _COURTESY)
                bell = any_job if found.room and not found.has_left else mine
                is_to_look = is_waiting_for_values or found.has_left
                after = await self._look_after(bell, remaining, request, found, always=is_to_look)
                if after is None:
                    return SyncAnswer()
                found = after

    async def _look_after(
        self, bell: Bell, seconds: float, request: SyncRequest, found: Found, *, always: bool
    ) -> Found | None:
        """Wait for a bell and look again, one executor after the other; None when it has not rung.

        One that has its turn sees who is still to come, so that all of them share what there is.
        """
        with self._waits(request.executor.id, None if found.has_left else found.room):
            if not await bell.wait(seconds) and not always:
                return None
            await self._turn.acquire()
        try:
            return await self._look(request, {} if found.has_left else dict(self.waiting))
        finally:
            self._turn.release()

    @contextmanager
    def _waits(self, executor: ExecutorId, room: Room | None) -> Iterator[None]:
        """While an executor waits with room for jobs, others may leave some to it."""
        if room is None:
            yield
            return
        self.waiting[executor] = room
        try:
            yield
        finally:
            self.waiting.pop(executor, None)

    async def _look(self, request: SyncRequest, rivals: Rivals) -> Found:
        now = self._clock()

        async def look(tx: Transaction) -> Found:
            return await Look(tx, request, self._means, now, rivals).take()

        return await self._db.do(look)

    async def _accepted(self, granted: Granted) -> AcceptedJob | None:
        """The job with the values it needs; None when these cannot be had now."""
        spec = granted.spec
        if not spec.values:
            return AcceptedJob(id=spec.id, generation=spec.generation)
        values: dict[str, str] = {}
        try:
            with anyio.fail_after(_VALUES_LIMIT):
                request = ValuesRequest(scope=granted.scope, names=spec.values, job=spec.id)
                values = (await self._values.resolve(request)).values
        except (BadRequest, Forbidden, NotFound) as refusal:
            log.warning("no values for a job", job=spec.id, run=spec.run_id, reason=refusal.message)
            if refusal.code == refusal.default_code:
                return None  # something between us and the service may have said it: ask again
            # The service itself refuses for good; the job goes on as with names that are not defined.
        except (Failure, TimeoutError, OSError) as error:
            log.warning("values cannot be had now", job=spec.id, run=spec.run_id, error=str(error))
            return None
        return AcceptedJob(id=spec.id, generation=spec.generation, values=values)


def _answer(found: Found, run: Iterable[AcceptedJob]) -> SyncAnswer:
    return SyncAnswer(
        start=found.start, run=tuple(run), stop=found.stop, fenced=found.fenced, forget=found.forget
    )
