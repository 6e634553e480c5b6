"""Runs in hand: locked in a transaction, changed, advanced, stored, and what must follow the commit.

Whoever changes a run or its tasks takes its row first, oldest run first; whoever takes a job back or
accepts one has taken its run. So decisions about one run are made one after the other, and nobody waits
in a circle.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from tidemill.contracts.feed import TaskChanged
from tidemill.core.advance import advance
from tidemill.core.job import ExecutorId, JobId, first_generation
from tidemill.core.placement import demand_of
from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Run, RunId, RunTask, TaskId
from tidemill.errors import NotFound
from tidemill.kit.coord import Bells
from tidemill.kit.db import Transaction
from tidemill.services.runservice.store import counting, jobs, runs
from tidemill.services.runservice.store.demands import Demands
from tidemill.services.runservice.store.jobs import LiveJob
from tidemill.services.runservice.store.plans import Plans
from tidemill.services.runservice.store.recent import Recent
from tidemill.services.runservice.store.runs import StoredRun
from tidemill.services.runservice.telling import is_told, tell_run, tell_task

#: What reading rows raises that are damaged, or were written by a newer version.
UNREADABLE = (msgspec.DecodeError, ValueError)
#: The number of a task's setup among its logs.
SETUP = -1
#: The bell of runs of which something will follow from the time alone.
TIMED = "timed"

log = structlog.get_logger("runservice")


class RunInHand:
    """A run that this transaction has locked: as it was, as it becomes, its plan and its live jobs."""

    def __init__(self, stored: StoredRun, plan: Plan | None, held: Sequence[LiveJob]) -> None:
        self.stored = stored
        self.run = stored.run
        self.plan = plan
        self.jobs = {job.task_id: job for job in held}

    def put(self, task: RunTask) -> None:
        """Replace the task of the same id."""
        self.run = msgspec.structs.replace(
            self.run, tasks=tuple(task if one.id == task.id else one for one in self.run.tasks)
        )


class Means(msgspec.Struct, frozen=True):
    """What changing runs takes beside a transaction."""

    plans: Plans
    bells: Bells
    lease: timedelta
    """How long an executor may be silent and still counts as there."""
    demands: Demands = msgspec.field(default_factory=Demands)
    recent: Recent = msgspec.field(default_factory=Recent)


class Changes:
    """The changes to runs of one transaction."""

    def __init__(self, tx: Transaction, means: Means, now: datetime) -> None:
        self._tx = tx
        self._plans = means.plans
        self._demands = means.demands
        self._recent = means.recent
        self._bells = means.bells
        self._now = now
        self._groups: set[str] = set()
        self.removed: set[JobId] = set()
        """Jobs that ended, were lost or were withdrawn in this transaction."""
        self.stopped: set[JobId] = set()
        """Jobs whose executors are asked to stop them since this transaction."""

    async def take(self, sequences: Collection[int]) -> list[RunInHand]:
        """Lock runs by their sequences."""
        return await self._in_hand(await runs.take(self._tx, sequences, self._recent)) if sequences else []

    async def take_readable(self, sequences: Collection[int]) -> list[RunInHand]:
        """The same, without those that cannot be read: none of them keeps others from going on."""
        try:
            return await self.take(sequences)
        except UNREADABLE:
            hands = []
        for one in sorted(sequences):
            try:
                hands += await self.take([one])
            except UNREADABLE as error:
                log.error("a run cannot be read, nothing can be done to it", sequence=one, error=str(error))  # noqa: TRY400 - what is wrong is not in our code
        return hands

    async def take_by_id(self, id: RunId) -> RunInHand:
        """Lock one run; NotFound `runDoesNotExist`."""
        stored = await runs.take_by_id(self._tx, id, self._recent)
        if stored is None:
            raise NotFound(f"there is no run {id!r}", code="runDoesNotExist")
        return (await self._in_hand([stored]))[0]

    async def remove_jobs(self, hand: RunInHand, ids: Collection[JobId]) -> None:
        """Jobs of a run that have ended or are lost."""
        await jobs.remove(self._tx, ids)
        self.removed.update(ids)
        for job in ids:
            del hand.jobs[TaskId(job)]

    async def advance(self, hand: RunInHand) -> Run:
        """Bring a run to what follows from its state, and store all of it; answers the run as it is then."""
        if hand.plan is not None:
            await self._decide(hand, hand.plan)
        return await self.store(hand)

    async def store(self, hand: RunInHand) -> Run:
        """Store a run as it is in hand."""
        before = hand.stored.run
        if hand.run == before:
            return before
        hand.run = await runs.save(self._tx, hand.stored, hand.run)
        self._remember(hand.stored.sequence, hand.run)
        self.announce(hand.run)
        if hand.run.wake_at is not None:
            self._tx.after_commit(self._bells.ring, TIMED)
        for was, task in zip(before.tasks, hand.run.tasks, strict=True):
            if task is was:  # of hundreds of tasks one or two change at a time
                continue
            ring_for_logs(self._tx, self._bells, was, task)
            if is_told(was, task):
                self._tell(hand.run, task)
        if hand.run.phase is not before.phase or hand.run.result is not before.result:
            tell_run(self._tx, self._bells, hand.run, self._now)
        if hand.run.phase is not before.phase and before.phase is Phase.RUNNING:
            self._groups.add(hand.run.group)
        return hand.run

    def _remember(self, sequence: int, run: Run) -> None:
        if run.phase.is_final:
            self._tx.after_commit(self._recent.forget, sequence)
        else:
            self._tx.after_commit(self._recent.keep, sequence, run.revision, run.tasks)

    def _tell(self, run: Run, task: RunTask) -> None:
        changed = TaskChanged(at=self._now, run=run.id, group=run.group, number=run.number, task=task)
        tell_task(self._tx, self._bells, changed)

    async def settle(self) -> None:
        """After all runs: renew the tokens of groups in which one has ended, each lock in order."""
        for group in sorted(self._groups):
            await counting.change_group(self._tx, group)

    def announce(self, run: Run) -> None:
        """Wake who follows a run, once this is committed."""
        self._tx.after_commit(self._bells.ring, f"run/{run.id}")

    async def _in_hand(self, stored: list[StoredRun]) -> list[RunInHand]:
        plans = await self._plans.get(self._tx, {one.plan_id for one in stored if one.plan_id})
        live = await jobs.of_runs(self._tx, [one.sequence for one in stored])
        return [
            RunInHand(
                one,
                plans[one.plan_id] if one.plan_id else None,
                [job for job in live if job.run == one.sequence],
            )
            for one in stored
        ]

    async def _decide(self, hand: RunInHand, plan: Plan) -> None:
        unconfirmed = {job.task_id for job in hand.jobs.values() if job.is_unconfirmed}
        decision = advance(hand.run, plan, hand.jobs.keys(), self._now, queued=unconfirmed)
        hand.run = decision.run
        await self._withdraw(hand, decision.withdraw)
        if decision.stop:
            await self._ask_to_stop([hand.jobs[task] for task in decision.stop])
        if not decision.start:
            return
        starting = frozenset(decision.start)
        places = [position for position, task in enumerate(hand.run.tasks) if task.id in starting]
        asked = [demand_of(plan.tasks[position].runtime) for position in places]
        demands = await self._demands.ids(self._tx, asked, self._now)
        new = [
            jobs.NewJob(
                task=task.id,
                generation=first_generation(task.attempt),
                run=hand.stored.sequence,
                position=position,
                demand=demand,
                demand_id=demand_id,
            )
            for position, demand, demand_id in zip(places, asked, demands, strict=True)
            for task in [hand.run.tasks[position]]
        ]
        await jobs.add(self._tx, new, self._now)
        self._tx.after_commit(self._bells.ring, "jobs")

    async def _withdraw(self, hand: RunInHand, tasks: Collection[TaskId]) -> None:
        for job in [hand.jobs[task] for task in tasks]:
            if job.executor:
                self._tx.after_commit(self._bells.ring, f"executor/{job.executor}")
        await self.remove_jobs(hand, [JobId(task) for task in tasks])

    async def _ask_to_stop(self, held: Sequence[LiveJob]) -> None:
        asked = [job for job in held if not job.stop]
        await jobs.ask_to_stop(self._tx, [job.id for job in asked])
        self.stopped.update(job.id for job in asked)
        for executor in {job.executor for job in asked}:
            self._tx.after_commit(self._bells.ring, f"executor/{executor}")


def ring_for_logs(tx: Transaction, bells: Bells, was: RunTask, task: RunTask) -> None:
    """Wake the readers of logs whose step has begun or ended."""
    ends = (task.status.is_final and not was.status.is_final) or task.attempt != was.attempt
    steps = zip((was.setup, *was.steps), (task.setup, *task.steps), strict=False)
    for step, (old, new) in enumerate(steps, SETUP):
        if ends or new.phase is not old.phase:
            tx.after_commit(bells.ring, log_bell(task.id, step))


def log_bell(task: TaskId, step: int) -> str:
    """What rings when a log grows or ends."""
    return f"log/{task}/{step}"


def fleet_bell(executor: ExecutorId) -> str:
    """What rings when an executor presents itself anew, or has other jobs than before."""
    return f"fleet/{executor}"
