"""Restarts of chosen tasks: what is shared, what is gone by then, and who comes at the same moment."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from tests.services.runservice.playing import (
    NOW,
    Player,
    Service,
    create,
    now,
    plan,
    start,
    started,
    statuses,
    task,
)
from tidemill.contracts.runservice import Restart
from tidemill.core.job import JobId, Outcome
from tidemill.core.plan import PlanTask, RestoreWorkspace, RunStep, SaveToWorkspace
from tidemill.core.run import Phase, Result, Run, TaskId
from tidemill.errors import BadRequest, Conflict
from tidemill.kit.db import Database, Transaction
from tidemill.services.runservice.store import removal
from tidemill.services.runservice.store.tables import jobs, log_parts, logs, runs

pytestmark = pytest.mark.anyio

STEP = RunStep(name="step", command="true")


@pytest.fixture
def player(service: Service) -> Player:
    return Player(service.jobs)


def chosen(*names: str) -> Restart:
    return Restart(from_start=False, tasks=names)


async def block(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def log_of(service: Service, job: JobId) -> bytes:
    return b"".join([part async for part in await service.logs.read_log(TaskId(job), 0)])


async def done_with_logs(service: Service, player: Player) -> None:
    """All jobs succeed, each with its name in its log and, where it saves one, in an archive."""
    while True:
        await player.take()
        if not player.reports:
            return
        for job in list(player.reports):
            name = player.specs[job].task.name.encode()
            await service.jobs.append_log(job, 1, 0, 0, name)
            for number, step in enumerate(player.specs[job].task.steps):
                if isinstance(step, SaveToWorkspace):
                    await service.jobs.save_workspace(job, 1, number, block(name))
            await player.finish(job)


async def test_what_is_kept_has_its_logs_and_archives_also_at_the_third_time(
    service: Service, player: Player
) -> None:
    """A restart of a restart shares them too; what is chosen runs again, and what depends on it."""
    saving = task("build", steps=(STEP, SaveToWorkspace()))
    using = task("unit", "build", level=1, steps=(STEP, RestoreWorkspace()))
    run = await started(service.runs, saving, using, task("lint"))
    await done_with_logs(service, player)
    build, unit, lint = (one.id for one in run.tasks)
    again = await service.runs.restart_run(run.id, chosen("unit"))
    assert [one.id == was.id for one, was in zip(again.tasks, run.tasks, strict=True)] == [True, False, True]
    await start(service.runs, again.id)
    (job,) = await player.take()
    (archive,) = (await service.jobs.workspaces(job, 1)).archives
    found = await service.jobs.read_archive(job, 1, archive.id)
    assert b"".join([part async for part in found]) == b"build"
    await player.finish(job)
    third = await service.runs.restart_run(again.id, chosen(lint))
    assert [one.id for one in third.tasks] == [build, job, third.tasks[2].id]
    origins = [(await now(service.runs, one)).restarted_from for one in (run, again, third)]
    assert origins == [None, run.number, again.number]
    await start(service.runs, third.id)
    await done_with_logs(service, player)
    assert (await now(service.runs, third)).result is Result.SUCCESS
    assert await log_of(service, JobId(build)) == b"build"
    assert await log_of(service, JobId(unit)) == b"unit"
    assert await log_of(service, JobId(third.tasks[2].id)) == b"lint"


async def test_a_kept_task_whose_archives_are_gone_is_done_again_where_they_are_wanted(
    service: Service, player: Player, db: Database
) -> None:
    """Nobody wants those of the one that stays; logs that are gone keep no task from being kept."""
    saving = (SaveToWorkspace(),)
    run = await started(
        service.runs,
        task("wanted", steps=saving),
        task("unwanted", steps=saving),
        task("unit", "wanted", level=1, steps=(RestoreWorkspace(),)),
        task("lint", "unwanted", level=1),
    )
    await done_with_logs(service, player)

    async def forget(tx: Transaction) -> None:
        for one in run.tasks:
            await removal.expire_workspaces(tx, one.id, before=NOW + timedelta(days=1), now=NOW)
        for table in (log_parts, logs):
            await tx.run(delete(table))

    await db.do(forget)
    again = await service.runs.restart_run(run.id, chosen("unit", "lint"))
    assert statuses(again) == {
        "wanted": "notstarted",
        "unwanted": "success",
        "unit": "notstarted",
        "lint": "notstarted",
    }
    await start(service.runs, again.id)
    await done_with_logs(service, player)
    assert (await now(service.runs, again)).result is Result.SUCCESS


async def test_what_cannot_be_done_makes_no_run(service: Service, player: Player, db: Database) -> None:
    """An unknown task, one that would be kept and never succeeded, a run that is not over: no number is used."""
    run = await started(service.runs, task("good"), task("bad"), task("other"))
    with pytest.raises(BadRequest, match="only a run that is over"):
        await service.runs.restart_run(run.id, chosen("good"))
    await player.take()
    for job in list(player.reports):
        name = player.specs[job].task.name
        await player.finish(job, Outcome.FAILED if name == "bad" else Outcome.SUCCESS)
    for names, code, says in (
        (("god",), "runTaskDoesNotExist", "has no task 'god'; there is good"),
        (("good",), "runCannotBeRestarted", "choose 'bad' (failed) too"),
    ):
        with pytest.raises(BadRequest) as caught:
            await service.runs.restart_run(run.id, chosen(*names))
        assert caught.value.code == code
        assert says in caught.value.message
    again = await service.runs.restart_run(run.id, chosen("bad"))
    assert again.number == run.number + 1
    assert await db.read(lambda tx: tx.value(select(func.count()).select_from(runs))) == 2


@pytest.mark.parametrize("first", ["restart", "cancel"])
async def test_a_restart_and_a_cancel_at_the_same_moment(service: Service, first: str) -> None:
    """The run is cancelled in any case; a restart is refused, or it makes a whole new run."""
    (run,) = await create(service.runs, plan(task("a"), task("b", "a")))
    restart, cancel = service.runs.restart_run(run.id, Restart()), service.runs.cancel_run(run.id, "by bob")
    both = (restart, cancel) if first == "restart" else (cancel, restart)
    found = dict(zip((first, "other"), await asyncio.gather(*both, return_exceptions=True), strict=True))
    restarted = found["restart" if first == "restart" else "other"]
    assert (await now(service.runs, run)).phase is Phase.CANCELLED
    if isinstance(restarted, Run):
        assert (restarted.number, restarted.phase, len(restarted.tasks)) == (2, Phase.QUEUED, 2)
    else:
        assert isinstance(restarted, BadRequest)
        assert restarted.code == "runCannotBeRestarted"


async def test_a_restart_a_stop_and_the_end_at_the_same_moment(
    service: Service, player: Player, db: Database
) -> None:
    """Whoever comes first, the run has one end and no job is left; a restart is whole or refused."""
    run = await started(service.runs, task("a"), task("b", "a"))
    (job,) = await player.take()
    player.end(job, Outcome.FAILED)
    ended, stopped, restarted = await asyncio.gather(
        player.sync(),
        service.runs.stop_run(run.id, "by bob"),
        service.runs.restart_run(run.id, Restart(from_start=False)),
        return_exceptions=True,
    )
    assert not isinstance(ended, BaseException)
    over = await now(service.runs, run)
    assert (over.phase, over.result) == (Phase.FINISHED, Result.FAILED)
    assert isinstance(stopped, Run | Conflict)
    assert statuses(over)["b"] == "skipped"
    assert isinstance(restarted, Run | BadRequest)
    if isinstance(restarted, Run):
        assert {one.id for one in restarted.tasks}.isdisjoint(one.id for one in over.tasks)
    assert await db.read(lambda tx: tx.value(select(func.count()).select_from(jobs))) == 0


async def test_a_run_that_was_stopped_is_continued_with_what_was_open(
    service: Service, player: Player
) -> None:
    """What had succeeded before the stop is kept, what was stopped and skipped can be chosen."""
    shape: tuple[PlanTask, ...] = (task("a"), task("b"), task("c", "a", "b"))
    run = await started(service.runs, *shape)
    a, b = await player.take()
    await player.finish(a)
    await service.runs.stop_run(run.id, "by bob")
    await player.sync()
    await player.finish(b, Outcome.STOPPED)
    assert statuses(await now(service.runs, run)) == {"a": "success", "b": "stopped", "c": "skipped"}
    again = await service.runs.restart_run(run.id, chosen("b"))
    assert statuses(again) == {"a": "success", "b": "notstarted", "c": "notstarted"}
    await start(service.runs, again.id)
    await player.work_off()
    assert (await now(service.runs, again)).result is Result.SUCCESS
