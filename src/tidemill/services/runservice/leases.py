"""Executors that have gone silent: noticed in time during which they could be heard, and their jobs lost.

Silence is measured by ourselves, from the moment at which we saw that nothing new was heard; the times
that others wrote are compared with each other only. So a clock that differs, a start, or a pause of this
process (its looks come late) makes nobody lose a job; every executor then has a full lease again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
import structlog

from tidemill.core.job import ExecutorId
from tidemill.core.report import lose
from tidemill.kit.alarm import Alarm
from tidemill.kit.coord import Bell
from tidemill.kit.db import Database, Transaction
from tidemill.kit.supervise import Loop, one_by_one
from tidemill.services.runservice.changing import Changes, Means, fleet_bell
from tidemill.services.runservice.store import executors, jobs
from tidemill.settings import RunserviceSettings

_LOOP = "executor-leases"
#: Seconds between two looks while somebody is watched.
LONGEST = 15.0

log = structlog.get_logger()


class _Silence(msgspec.Struct):
    """Since an executor was last heard: when that was by its row, and for how long we have listened."""

    seen_at: datetime
    seconds: float = 0.0


class Leases:
    """What one process has noticed of executors that have jobs."""

    def __init__(self, lease: float, grace: float) -> None:
        self._limit = lease + grace
        self._silences: dict[ExecutorId, _Silence] = {}
        self._looked_at: datetime | None = None
        self._due = LONGEST

    @property
    def is_watching(self) -> bool:
        return bool(self._silences)

    def look(self, seen: Mapping[ExecutorId, datetime], now: datetime) -> list[ExecutorId]:
        """Who has been silent for a lease and its grace, given when each executor at work was *seen*."""
        passed = 0.0 if self._looked_at is None else (now - self._looked_at).total_seconds()
        is_late = passed > self._due + max(1.0, self._due / 4)
        self._looked_at = now
        before, self._silences = self._silences, {}
        for executor, seen_at in seen.items():
            silence = before.get(executor)
            if silence is None or silence.seen_at != seen_at or is_late:
                self._silences[executor] = _Silence(seen_at)
            else:
                self._silences[executor] = _Silence(seen_at, silence.seconds + max(passed, 0.0))
        return [executor for executor, silence in self._silences.items() if silence.seconds >= self._limit]

    def next_look(self) -> float | None:
        """Seconds until the next look is due; None when there is nobody to watch."""
        if not self._silences:
            self._due = LONGEST
            return None
        waiting = (silence.seconds for silence in self._silences.values() if silence.seconds < self._limit)
        self._due = min(LONGEST, self._limit - max(waiting, default=0.0))
        return self._due

    def forget(self, executor: ExecutorId) -> None:
        """An executor has no jobs any more."""
        self._silences.pop(executor, None)


class LeaseWatch:
    """Looks at executors that have jobs, and rings its own bell when the next may be lost."""

    def __init__(
        self, db: Database, means: Means, settings: RunserviceSettings, *, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._means = means
        self._clock = clock
        self._leases = Leases(settings.executor_lease, settings.executor_grace)
        self._bell: Bell = means.bells.listen("watch")
        self._alarm = Alarm(self._bell.ring)

    def loops(self) -> list[Loop]:
        """The look, which is due at the latest when somebody may have been silent for too long."""
        return [Loop(_LOOP, self.look, seconds=LONGEST, bell=self._bell)]

    def close(self) -> None:
        """Ring no more."""
        self._alarm.ring_in(None)
        self._bell.close()

    def begin(self) -> None:
        """Somebody has been given jobs: look soon, unless that is done anyway."""
        if not self._leases.is_watching:
            self._bell.ring()

    async def look(self) -> None:
        """Take the jobs of executors that were silent for too long; see when the next may have been."""
        seen = await self._db.read(executors.at_work)
        silent = self._leases.look(seen, self._clock())
        self._alarm.ring_in(self._leases.next_look())
        await one_by_one(_LOOP, silent, lambda executor: self._lose_jobs(executor, seen[executor]))

    async def _lose_jobs(self, executor: ExecutorId, seen_at: datetime) -> None:
        now = self._clock()
        losses = await self._db.do(lambda tx: lose_jobs(tx, executor, seen_at, self._means, now))
        self._leases.forget(executor)
        log.warning("executor lost", executor=executor, jobs=losses.lost, requeued=losses.requeued)


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an executor's jobs."""

    lost: int = 0
    requeued: int = 0


async def lose_jobs(
    tx: Transaction, id: ExecutorId, seen_at: datetime, means: Means, now: datetime, *, reason: str = ""
) -> Losses:
    """Take all jobs from an executor, unless it was heard since *seen_at*.

    What it never confirmed goes back to the queue in a new generation: nothing of that has run.
    """
    heard = await executors.take(tx, id)
    if heard is None or heard.seen_at != seen_at:
        return Losses()
    changes = Changes(tx, means, now)
    held = await jobs.held_by(tx, id)
    hands = await changes.take_readable({job.run for job in held})
    unconfirmed = [job.id for job in held if job.is_unconfirmed]
    await jobs.requeue(tx, unconfirmed)
    if unconfirmed:
        tx.after_commit(means.bells.ring, "jobs")
    reason = reason or f"its executor {heard.info.name or id} has gone silent"
    lost = 0
    for hand in hands:
        mine = [job for job in held if job.run == hand.stored.sequence and not job.is_unconfirmed]
        for job in mine:
            hand.put(lose(hand.run.task(job.task_id), reason, now))
        await changes.remove_jobs(hand, [job.id for job in mine])
        if mine:
            await changes.advance(hand)
        lost += len(mine)
    await changes.settle()
    if held:
        tx.after_commit(means.bells.ring, fleet_bell(id))
    return Losses(lost=lost, requeued=len(unconfirmed))
