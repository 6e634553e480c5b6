"""One look at an executor: what it reports is stored, what follows is decided, what it shall do is said.

All of it is one transaction, so that the end of a task, the next task's start and its claim by the same
executor cost one commit.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import structlog
from msgspec.structs import replace

from tidemill.contracts.feed import TaskChanged
from tidemill.contracts.fleet import Wanted
from tidemill.contracts.jobs import SyncRequest
from tidemill.core.job import JobId, JobPhase, JobReport, JobSpec
from tidemill.core.placement import Room
from tidemill.core.plan import Plan
from tidemill.core.report import apply_report, lose
from tidemill.core.run import RunTask
from tidemill.errors import Conflict
from tidemill.kit.db import Transaction
from tidemill.services.runservice.changing import UNREADABLE, Changes, Means, fleet_bell, ring_for_logs
from tidemill.services.runservice.claiming import Claimed, Rivals, claim, room_of
from tidemill.services.runservice.specs import spec
from tidemill.services.runservice.store import executors, jobs, rows, runs
from tidemill.services.runservice.store.executors import Heard
from tidemill.services.runservice.store.jobs import Job
from tidemill.services.runservice.telling import is_told, tell_task

#: An executor that changes nothing is written down no more often than this.
_HEARTBEAT = timedelta(seconds=5)

log = structlog.get_logger("runservice")

_FORGOTTEN = "its executor does not know of it any more"


class Granted(msgspec.Struct, frozen=True):
    """An accepted job that may begin, and for whom its values are asked."""

    spec: JobSpec
    scope: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say to an executor."""

    start: tuple[JobSpec, ...] = ()
    granted: tuple[Granted, ...] = ()
    stop: tuple[JobId, ...] = ()
    fenced: tuple[JobId, ...] = ()
    forget: tuple[JobId, ...] = ()
    room: Room | None = None
    """What it has left for more, so that a new job anywhere is news for it; None when it is to get none."""
    has_left: bool = False
    """Jobs were left to executors with more room: to be looked for again, in case these do not come."""

    @property
    def has_orders(self) -> bool:
        """There is something to say at once, whatever becomes of the values for granted jobs."""
        return bool(self.start or self.stop or self.fenced or self.forget)


class Look:
    """One transaction over what an executor has and what it should have."""

    def __init__(
        self, tx: Transaction, request: SyncRequest, means: Means, now: datetime, rivals: Rivals
    ) -> None:
        """*rivals* are executors that wait for jobs, which are shared out among them."""
        self._rivals = rivals
        self._is_resting = False
        self._tx = tx
        self._request = request
        self._means = means
        self._now = now
        self._changes = Changes(tx, means, now)
        self._fenced: list[JobId] = []
        self._forget: list[JobId] = []
        self._unreadable: set[JobId] = set()
        """Jobs about which nothing can be decided, because their rows cannot be read."""
        self._changed = False

    async def take(self) -> Found:
        """Bring both sides together as far as one look can."""
        info = self._request.executor
        heard = await executors.take(self._tx, info.id)
        self._refuse_overtaken(heard)
        self._is_resting = info.draining or (heard is not None and heard.wanted is not Wanted.WORK)
        if heard is None:
            await self._keep(heard)
        held = {job.id: job for job in await jobs.held_by(self._tx, info.id)} if heard else {}
        had = frozenset(held)
        listed = self._listed(held)
        # All at once and in one order, so that two executors of the same runs never wait in a circle.
        touched = (
            job for job in held.values() if job.id in listed or _is_over(job, None) or self._is_resting
        )
        await runs.lock(self._tx, {job.run for job in touched})
        await self._accept(held, listed)
        await self._end(held, listed)
        await self._progress(held, listed)
        unlisted = [
            job
            for job in held.values()
            if job.id not in listed and job.is_unconfirmed and job.id not in self._unreadable
        ]
        if self._is_resting:
            await self._take_back(held, unlisted)
            unlisted = []
        claimed = await self._claim(held)
        if heard is not None and (self._changed or self._is_new(heard)):
            await self._keep(heard)
        held |= {job.id: job for job in claimed.jobs}
        if heard is None or heard.info != info or held.keys() != had:
            self._tx.after_commit(self._means.bells.ring, fleet_bell(info.id))
        return await self._found(held, listed, [*unlisted, *claimed.jobs], bool(claimed.left_to))

    def _refuse_overtaken(self, heard: Heard | None) -> None:
        if heard is not None and 0 < self._request.sequence < heard.sequence:
            raise Conflict(
                f"a later sync of executor {heard.info.id} was served before this one",
                code="staleSync",
                details={"sequence": heard.sequence},
            )

    def _listed(self, held: dict[JobId, Job]) -> dict[JobId, JobReport]:
        """Reports of jobs that the executor has by right; others are settled here."""
        listed = {}
        for report in self._request.jobs:
            job = held.get(report.id)
            if job is not None and job.generation == report.generation:
                listed[report.id] = report
            elif job is None and report.phase is JobPhase.ENDED:
                self._forget.append(report.id)
            else:
                self._fenced.append(report.id)
        return listed

    async def _accept(self, held: dict[JobId, Job], listed: dict[JobId, JobReport]) -> None:
        """Confirm jobs that the executor has on its disk now; those just taken back it may not begin."""
        claimed = [held[job] for job in listed if held[job].is_unconfirmed]
        if not claimed:
            return
        self._changed = True
        accepted = await jobs.accept(self._tx, [job.id for job in claimed])
        for gone in {job.id for job in claimed} - accepted:
            del held[gone], listed[gone]
            self._fenced.append(gone)

    async def _end(self, held: dict[JobId, Job], listed: dict[JobId, JobReport]) -> None:
        """Record the ends of jobs, and the loss of those that the executor has forgotten."""
        over = [job for job in held.values() if _is_over(job, listed.get(job.id))]
        hands = await self._changes.take_readable({job.run for job in over})
        readable = {hand.stored.sequence for hand in hands}
        self._set_aside((job for job in over if job.run not in readable), listed)
        for hand in hands:
            mine = [job for job in over if job.run == hand.stored.sequence]
            for job in mine:
                task = hand.run.task(job.task_id)
                report = listed.get(job.id)
                hand.put(
                    apply_report(task, report, self._now) if report else lose(task, _FORGOTTEN, self._now)
                )
            await self._changes.remove_jobs(hand, [job.id for job in mine])
            await self._changes.advance(hand)
        await self._changes.settle()
        self._changed = self._changed or bool(over)
        for gone in self._changes.removed:
            held.pop(gone, None)
            if listed.pop(gone, None):
                self._forget.append(gone)
        for stopped in self._changes.stopped.intersection(held):
            held[stopped] = replace(held[stopped], stop=True)

    def _set_aside(self, jobs: Iterable[Job], listed: dict[JobId, JobReport]) -> None:
        """Say nothing more of jobs whose rows cannot be read, but that they shall stop."""
        for job in jobs:
            log.error("the rows of a job cannot be read, it is stopped", job=job.id, run=job.run_id)
            self._unreadable.add(job.id)
            listed.pop(job.id, None)

    def _to_stop(self, held: dict[JobId, Job], listed: dict[JobId, JobReport]) -> Iterator[JobId]:
        for report in self._request.jobs:
            is_asked = report.id in listed and held[report.id].stop
            is_lost = report.id in self._unreadable and report.phase is not JobPhase.ENDED
            if (is_asked or is_lost) and not report.stopping:
                yield report.id

    async def _progress(self, held: dict[JobId, Job], listed: dict[JobId, JobReport]) -> None:
        """Store how far jobs are that go on; nothing else of their runs follows from it."""
        news = []
        for report in list(listed.values()):
            try:
                was = rows.task_of(held[report.id].state)
            except UNREADABLE:
                self._set_aside([held[report.id]], listed)
                continue
            becomes = apply_report(was, report, self._now)
            if becomes != was:
                news.append((held[report.id], was, becomes))
        if not news:
            return
        self._changed = True
        revisions = await runs.touch(self._tx, {job.run for job, _, _ in news})
        stored: dict[int, dict[int, RunTask]] = {run: {} for run in revisions}
        for job, was, becomes in news:
            # Somebody who has just changed this task is told of its progress by the next sync.
            if await runs.exchange_task(self._tx, (job.run, job.position), job.state, becomes):
                stored[job.run][job.position] = becomes
                ring_for_logs(self._tx, self._means.bells, was, becomes)
                self._tx.after_commit(self._means.bells.ring, f"run/{job.run_id}")
                if is_told(was, becomes):
                    self._tell(job, becomes)
        for run, revision in revisions.items():
            self._tx.after_commit(self._means.recent.move, run, revision, stored[run])

    def _tell(self, job: Job, task: RunTask) -> None:
        changed = TaskChanged(at=self._now, run=job.run_id, group=job.group, number=job.number, task=task)
        tell_task(self._tx, self._means.bells, changed)

    async def _take_back(self, held: dict[JobId, Job], unlisted: list[Job]) -> None:
        if unlisted:
            await jobs.requeue(self._tx, [job.id for job in unlisted])
            self._tx.after_commit(self._means.bells.ring, "jobs")
            self._changed = True
        for job in unlisted:
            del held[job.id]

    async def _claim(self, held: dict[JobId, Job]) -> Claimed:
        if self._is_resting or len(held) >= self._request.executor.slots:
            return Claimed(())
        info, demands = self._request.executor, self._means.demands
        room = await room_of(self._tx, info, held.values(), demands)
        claimed = await claim(self._tx, info.id, room, demands, self._rivals)
        self._changed = self._changed or bool(claimed.jobs)
        for rival in claimed.left_to:
            self._tx.after_commit(self._means.bells.ring, f"executor/{rival}")
        return claimed

    def _is_new(self, heard: Heard) -> bool:
        heartbeat = min(_HEARTBEAT, self._means.lease / 4)
        # A time in the future was written by an instance whose clock is ahead of ours.
        is_fresh = timedelta(0) <= self._now - heard.seen_at < heartbeat
        return heard.info != self._request.executor or not is_fresh

    async def _keep(self, heard: Heard | None) -> None:
        sequence = max(self._request.sequence, heard.sequence if heard else 0)
        now_heard = Heard(info=self._request.executor, seen_at=self._now, sequence=sequence)
        await executors.keep(self._tx, now_heard, is_new=heard is None)

    async def _found(
        self, held: dict[JobId, Job], listed: dict[JobId, JobReport], assigned: list[Job], has_left: bool
    ) -> Found:
        waiting = [
            held[report.id]
            for report in listed.values()
            if report.phase is JobPhase.ACCEPTED and not held[report.id].stop
        ]
        specs = await self._specs([*assigned, *waiting])
        self._set_aside((job for job in (*assigned, *waiting) if job.id not in specs), listed)
        room = await room_of(self._tx, self._request.executor, held.values(), self._means.demands)
        return Found(
            start=tuple(specs[job.id] for job in assigned if job.id in specs),
            granted=tuple(Granted(specs[job.id], job.scope) for job in waiting if job.id in specs),
            stop=tuple(self._to_stop(held, listed)),
            fenced=tuple(self._fenced),
            forget=tuple(self._forget),
            room=room if room.free and not self._is_resting else None,
            has_left=has_left,
        )

    async def _specs(self, wanted: Collection[Job]) -> dict[JobId, JobSpec]:
        """What an executor has to know of jobs; of those whose plans cannot be read there is nothing."""
        ids = {job.plan_id for job in wanted}
        plans: dict[str, Plan] = {}
        try:
            plans = await self._means.plans.get(self._tx, ids)
        except UNREADABLE:
            for one in ids:
                with suppress(*UNREADABLE):
                    plans |= await self._means.plans.get(self._tx, {one})
        return {job.id: spec(job, plans[job.plan_id]) for job in wanted if job.plan_id in plans}


def _is_over(job: Job, report: JobReport | None) -> bool:
    """Its end is reported, or the executor had it and lists it no more."""
    return report.phase is JobPhase.ENDED if report else not job.is_unconfirmed
