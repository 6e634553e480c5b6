"""Questions about live jobs: of an executor, of a run, claimable ones."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache

import msgspec
from sqlalchemy import CompoundSelect, Select, bindparam, delete, func, insert, select, union_all, update

from tidemill.core.job import ExecutorId, JobId, JobPhase
from tidemill.core.placement import Demand
from tidemill.core.run import RunId, TaskId
from tidemill.errors import Conflict
from tidemill.kit.db import AnyRow, Snapshot, Transaction, Values
from tidemill.services.runservice.store.tables import IS_QUEUED, jobs, runs, tasks

_requeue = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(phase=JobPhase.QUEUED, executor=None, stop=False, generation=jobs.c.generation + 1)
)


#: Demands in one question for the oldest jobs.
_AT_ONCE = 50


class LiveJob(msgspec.Struct, frozen=True, kw_only=True):
    """A live job as far as its run is decided on."""

    id: JobId
    run: int
    phase: JobPhase
    stop: bool
    executor: ExecutorId | None

    @property
    def task_id(self) -> TaskId:
        """A job is called as its task is, which has one at most."""
        return TaskId(self.id)

    @property
    def is_unconfirmed(self) -> bool:
        """Nothing of it has run: it can be taken back."""
        return self.phase in (JobPhase.QUEUED, JobPhase.CLAIMED)


class Job(LiveJob, frozen=True, kw_only=True):
    """A live job, and what is asked of its run and task whenever it is spoken of."""

    position: int
    generation: int
    run_id: RunId
    group: str
    number: int
    plan_id: str
    scope: str
    demand: int | None
    """The id of what it asks of an executor; None of one that a process of the version before has queued."""
    state: bytes
    """The state of its task, as it is stored."""


_with_run = (
    select(
        jobs,
        runs.c.id.label("run_id"),
        runs.c.group_path,
        runs.c.number,
        runs.c.plan_id,
        runs.c.scope,
        tasks.c.state,
    )
    .join(runs, runs.c.sequence == jobs.c.run)
    .join(tasks, (tasks.c.run == jobs.c.run) & (tasks.c.position == jobs.c.position))
    .order_by(jobs.c.run, jobs.c.position)
)
_held_by = _with_run.where(jobs.c.executor == bindparam("of"))
_of_runs = (
    select(jobs.c.id, jobs.c.run, jobs.c.phase, jobs.c.stop, jobs.c.executor)
    .where(jobs.c.run.in_(bindparam("these", expanding=True)))
    .order_by(jobs.c.run, jobs.c.position)
)
_these = _with_run.where(jobs.c.id.in_(bindparam("these", expanding=True)))
_free = (
    select(jobs.c.id)
    .where(IS_QUEUED, jobs.c.id.in_(bindparam("these", expanding=True)))
    .order_by(jobs.c.run, jobs.c.position)
    .with_for_update(skip_locked=True)
    .cte("free")
)
_claim = (
    update(jobs)
    .where(jobs.c.id.in_(select(_free.c.id)))
    .values(phase=JobPhase.CLAIMED, executor=bindparam("by"))
    .returning(jobs.c.id)
)
_accept = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("these", expanding=True)), jobs.c.phase == JobPhase.CLAIMED)
    .values(phase=JobPhase.ACCEPTED)
    .returning(jobs.c.id)
)
_remove = delete(jobs).where(jobs.c.id.in_(bindparam("these", expanding=True)))
_hold = (
    select(jobs.c.id)
    .where(jobs.c.id == bindparam("job"), jobs.c.generation == bindparam("now_in"))
    .with_for_update(read=True)
)


class Queued(msgspec.Struct, frozen=True):
    """A job that nobody has, as far as choosing it goes."""

    id: JobId
    demand: int
    place: tuple[int, int]
    """Its run and its position there: smaller ones are older."""


def _of_demand(name: str) -> Select[tuple[str, int, int, int]]:
    """Queued jobs with the demand that is given by this *name*, oldest first.

    It is written as a range because PostgreSQL then has one index alone that brings them in order; with an
    equation it takes the order from the index of runs, and walks through all jobs with other demands.
    """
    return (
        select(jobs.c.id, jobs.c.run, jobs.c.position, jobs.c.demand)
        .where(IS_QUEUED, jobs.c.demand >= bindparam(name), jobs.c.demand <= bindparam(name))
        .order_by(jobs.c.demand, jobs.c.run, jobs.c.position)
        .limit(bindparam("most"))
    )


_incomplete = (
    select(jobs.c.id, jobs.c.run, jobs.c.position)
    .where(IS_QUEUED, jobs.c.demand.is_(None))
    .limit(bindparam("most"))
    .subquery()
)
_without_demand = select(_incomplete, runs.c.plan_id).join(runs, runs.c.sequence == _incomplete.c.run)
_complete = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"), jobs.c.demand.is_(None))
    .values(demand=bindparam("asks"), queued_at=bindparam("at"))
)
_queued_for = _of_demand("of").where(jobs.c.queued_at <= bindparam("before"))
_queued_since = select(func.min(jobs.c.queued_at)).where(
    IS_QUEUED, jobs.c.demand == bindparam("of"), jobs.c.queued_at > bindparam("after")
)


@cache
def _oldest(count: int) -> CompoundSelect[tuple[str, int, int, int]]:
    """The question for the oldest jobs with each of *count* demands."""
    return union_all(
        *(
            select(
                _of_demand(f"demand{number}")
                .where(jobs.c.id.not_in(bindparam("passed_over", expanding=True)))
                .subquery()
            )
            for number in range(count)
        )
    )


async def held_by(tx: Snapshot, executor: ExecutorId) -> list[Job]:
    """The jobs that an executor has been given, oldest run first."""
    return await _read(tx, _held_by, {"of": executor})


async def live(tx: Snapshot, id: JobId, generation: int) -> Job:
    """The job in this generation; Conflict `fenced`."""
    found = await _read(tx, _these, {"these": [id]})
    if not found or found[0].generation != generation:
        raise _fenced(id, generation)
    return found[0]


async def of_runs(tx: Snapshot, sequences: Collection[int]) -> list[LiveJob]:
    """The jobs of these runs."""
    return [
        LiveJob(
            id=row.id,
            run=row.run,
            phase=JobPhase(row.phase),
            stop=row.stop,
            executor=row.executor,
        )
        for row in await tx.all(_of_runs, {"these": sequences})
    ]


async def oldest(
    tx: Snapshot, demands: Collection[int], most: int, passed_over: Collection[JobId]
) -> list[Queued]:
    """Up to *most* queued jobs with each of these demands, those of the oldest runs first."""
    found: list[Queued] = []
    wanted = list(demands)
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        values = {f"demand{number}": demand for number, demand in enumerate(some)}
        rows = await tx.all(_oldest(len(some)), {**values, "most": most, "passed_over": passed_over})
        found += [Queued(JobId(row.id), row.demand, (row.run, row.position)) for row in rows]
    return sorted(found, key=lambda job: job.place)[:most]


async def claim(tx: Transaction, executor: ExecutorId, ids: Collection[JobId]) -> list[Job]:
    """Give those of these jobs to an executor that are still queued.

    On PostgreSQL what another executor is just taking is passed over, so that none waits for another.
    """
    claimed = [row.id for row in await tx.all(_claim, {"by": executor, "these": ids})]
    return await _read(tx, _these, {"these": claimed}) if claimed else []


async def queued_for(tx: Snapshot, demand: int, before: datetime, most: int) -> list[Queued]:
    """Some of the jobs with a demand that were queued before a time."""
    rows = await tx.all(_queued_for, {"of": demand, "before": before, "most": most})
    return [Queued(JobId(row.id), row.demand, (row.run, row.position)) for row in rows]


async def queued_since(tx: Snapshot, demand: int, after: datetime) -> datetime | None:
    """When the first of the jobs with a demand was queued of those that were not before a time."""
    found: datetime | None = await tx.value(_queued_since, {"of": demand, "after": after})
    return found


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is to be queued."""

    task: TaskId
    generation: int
    run: int
    position: int
    demand: Demand
    demand_id: int


async def add(tx: Transaction, new: Sequence[NewJob], queued_at: datetime) -> None:
    """Queue jobs."""
    constant = {"phase": JobPhase.QUEUED, "stop": False, "executor": None, "queued_at": queued_at}
    await tx.run(
        insert(jobs),
        [
            {
                "id": one.task,
                "generation": one.generation,
                "run": one.run,
                "position": one.position,
                "demand": one.demand_id,
                # Who knows nothing of labels, privilege and resources is to take nothing that asks for them.
                "runtime": one.demand.runtime if _is_plain(one.demand) else "",
                "arch": one.demand.arch,
                **constant,
            }
            for one in new
        ],
    )


async def without_demand(tx: Snapshot, most: int) -> list[tuple[JobId, int, str]]:
    """Some queued jobs that have no demand: the id, the position and the plan's id of each."""
    return [(row.id, row.position, row.plan_id) for row in await tx.all(_without_demand, {"most": most})]


async def complete(tx: Transaction, demands: Mapping[JobId, int], queued_at: datetime) -> None:
    """Give jobs the demand that they lack."""
    await tx.run(
        _complete, [{"of_job": job, "asks": demand, "at": queued_at} for job, demand in demands.items()]
    )


async def accept(tx: Transaction, ids: Collection[JobId]) -> set[JobId]:
    """The executor has these on its disk; answers those that are still its own, their runs being locked."""
    return {row.id for row in await tx.all(_accept, {"these": ids})}


async def requeue(tx: Transaction, ids: Collection[JobId]) -> None:
    """Take unconfirmed jobs back; whoever still has them is fenced."""
    await tx.run(_requeue, [{"of_job": job} for job in ids])


async def remove(tx: Transaction, ids: Collection[JobId]) -> None:
    """These have ended, are lost or are withdrawn."""
    if ids:
        await tx.run(_remove, {"these": ids})


async def ask_to_stop(tx: Transaction, ids: Collection[JobId]) -> None:
    """Their executors are to stop these."""
    if ids:
        await tx.run(update(jobs).where(jobs.c.id.in_(ids)).values(stop=True))


async def hold(tx: Transaction, id: JobId, generation: int) -> None:
    """See that a job is in this generation, and stays so until the commit; Conflict `fenced`."""
    if await tx.value(_hold, {"job": id, "now_in": generation}) is None:
        raise _fenced(id, generation)


def _fenced(id: JobId, generation: int) -> Conflict:
    return Conflict(f"job {id} is not in generation {generation} any more", code="fenced")


def _is_plain(demand: Demand) -> bool:
    return demand == Demand(runtime=demand.runtime, arch=demand.arch)


async def _read(tx: Snapshot, query: Select[tuple[object, ...]], values: Values) -> list[Job]:
    return [_job(row) for row in await tx.all(query, values)]


def _job(row: AnyRow) -> Job:
    return Job(
        id=row.id,
        run=row.run,
        position=row.position,
        generation=row.generation,
        phase=JobPhase(row.phase),
        stop=row.stop,
        executor=row.executor,
        run_id=row.run_id,
        group=row.group_path,
        number=row.number,
        plan_id=row.plan_id,
        scope=row.scope,
        demand=row.demand,
        state=row.state,
    )
