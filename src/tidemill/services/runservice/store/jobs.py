"""Questions about live jobs: of an executor, of a run, claimable ones."""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Select, bindparam, delete, insert, or_, select, update

from tidemill.contracts.jobs import ExecutorInfo
from tidemill.core.job import ExecutorId, JobId, JobPhase
from tidemill.core.run import RunId, TaskId
from tidemill.kit.db import AnyRow, Snapshot, Transaction
from tidemill.services.runservice.store.tables import IS_QUEUED, jobs, runs, tasks

_requeue = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(phase=JobPhase.QUEUED, executor=None, stop=False, generation=jobs.c.generation + 1)
)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A live job, and what is asked of its run and task whenever it is spoken of."""

    id: JobId
    run: int
    position: int
    generation: int
    phase: JobPhase
    stop: bool
    executor: ExecutorId | None
    run_id: RunId
    number: int
    plan_id: str
    scope: str
    state: bytes
    """The state of its task, as it is stored."""

    @property
    def task_id(self) -> TaskId:
        """A job is called as its task is, which has one at most."""
        return TaskId(self.id)

    @property
    def is_unconfirmed(self) -> bool:
        """Nothing of it has run: it can be taken back."""
        return self.phase in (JobPhase.QUEUED, JobPhase.CLAIMED)


_with_run = (
    select(jobs, runs.c.id.label("run_id"), runs.c.number, runs.c.plan_id, runs.c.scope, tasks.c.state)
    .join(runs, runs.c.sequence == jobs.c.run)
    .join(tasks, (tasks.c.run == jobs.c.run) & (tasks.c.position == jobs.c.position))
    .order_by(jobs.c.run, jobs.c.position)
)


async def held_by(tx: Snapshot, executor: ExecutorId) -> list[Job]:
    """The jobs that an executor has been given, oldest run first."""
    return await _read(tx, _with_run.where(jobs.c.executor == executor))


async def of_runs(tx: Snapshot, sequences: Collection[int]) -> list[Job]:
    """The jobs of these runs."""
    return await _read(tx, _with_run.where(jobs.c.run.in_(sequences)))


async def claim(tx: Transaction, info: ExecutorInfo, count: int) -> list[Job]:
    """Give up to *count* queued jobs that suit it to an executor, those of the oldest runs first.

    On PostgreSQL what another executor is just taking is passed over, so that none waits for another.
    """
    suits = (jobs.c.runtime.in_(info.runtimes), or_(jobs.c.arch == "", jobs.c.arch == info.arch))
    free = (
        select(jobs.c.id)
        .where(IS_QUEUED, *suits)
        .order_by(jobs.c.run, jobs.c.position)
        .limit(count)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    stmt = (
        update(jobs)
        .where(jobs.c.id.in_(select(free.c.id)))
        .values(phase=JobPhase.CLAIMED, executor=info.id)
        .returning(jobs.c.id)
    )
    claimed = [row.id for row in await tx.all(stmt)]
    return await _read(tx, _with_run.where(jobs.c.id.in_(claimed))) if claimed else []


async def add(tx: Transaction, new: Sequence[tuple[TaskId, int, int, str, str]]) -> None:
    """Queue a job for each (task, run, position, runtime, arch)."""
    columns = ("id", "run", "position", "runtime", "arch")
    constant = {"generation": 1, "phase": JobPhase.QUEUED, "stop": False, "executor": None}
    await tx.run(insert(jobs), [dict(zip(columns, one, strict=True)) | constant for one in new])


async def accept(tx: Transaction, ids: Collection[JobId]) -> set[JobId]:
    """The executor has these on its disk; answers those that are still its own, their runs being locked."""
    where = jobs.c.id.in_(ids) & (jobs.c.phase == JobPhase.CLAIMED)
    accepted = await tx.all(update(jobs).where(where).values(phase=JobPhase.ACCEPTED).returning(jobs.c.id))
    return {row.id for row in accepted}


async def requeue(tx: Transaction, ids: Collection[JobId]) -> None:
    """Take unconfirmed jobs back; whoever still has them is fenced."""
    await tx.run(_requeue, [{"of_job": job} for job in ids])


async def remove(tx: Transaction, ids: Collection[JobId]) -> None:
    """These have ended, are lost or are withdrawn."""
    if ids:
        await tx.run(delete(jobs).where(jobs.c.id.in_(ids)))


async def ask_to_stop(tx: Transaction, ids: Collection[JobId]) -> None:
    """Their executors are to stop these."""
    if ids:
        await tx.run(update(jobs).where(jobs.c.id.in_(ids)).values(stop=True))


async def is_live(tx: Transaction, id: JobId, generation: int) -> bool:
    """Whether a job is in this generation; it cannot be lost before the transaction ends."""
    query = select(jobs.c.id).where(jobs.c.id == id, jobs.c.generation == generation)
    return await tx.value(query.with_for_update(read=True)) is not None


async def _read(tx: Snapshot, query: Select[tuple[object, ...]]) -> list[Job]:
    return [_job(row) for row in await tx.all(query)]


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
        number=row.number,
        plan_id=row.plan_id,
        scope=row.scope,
        state=row.state,
    )
