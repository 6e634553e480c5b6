"""Run it again: a new run from one that is over, whole or only what did not succeed."""

from datetime import datetime

import msgspec

from tidemill.core.actions import create
from tidemill.core.graph import descendants
from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Result, Run, RunId, Status, TaskId
from tidemill.errors import BadRequest


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """What only the outside can give a new run."""

    id: RunId
    number: int
    task_ids: tuple[TaskId, ...]
    """One new id per task of the plan, in its order; those of kept tasks remain unused."""
    now: datetime


def can_restart_from_start(run: Run) -> bool:
    """It is over and it had a plan."""
    return run.phase in (Phase.FINISHED, Phase.CANCELLED)


def can_restart_from_failed(run: Run) -> bool:
    """It is over, it had a plan, and something of it did not succeed."""
    return can_restart_from_start(run) and run.result is not Result.SUCCESS


def recreate(run: Run, plan: Plan, fresh: Fresh, *, from_start: bool) -> Run:
    """A new queued run of the same plan (reference, run configuration 6.12).

    Not *from_start*, it keeps the tasks that succeeded, with id, state and logs, unless they depend
    on one that did not. Raises BadRequest `runCannotBeRestarted`.
    """
    if not (can_restart_from_start(run) if from_start else can_restart_from_failed(run)):
        raise BadRequest(_refusal(run), code="runCannotBeRestarted")
    new = create(
        Run(
            id=fresh.id,
            name=run.name,
            group=run.group,
            number=fresh.number,
            annotations=run.annotations,
            scope=run.scope,
            created_at=fresh.now,
        ),
        plan,
        fresh.task_ids,
    )
    if from_start:
        return new
    parents = {task.name: [depend.task for depend in task.depends] for task in plan.tasks}
    again = descendants(parents, {t.name for t in run.tasks if t.status is not Status.SUCCESS})
    kept = {task.name: task for task in run.tasks if task.name not in again}
    return msgspec.structs.replace(new, tasks=tuple(kept.get(task.name, task) for task in new.tasks))


def _refusal(run: Run) -> str:
    if run.phase is Phase.SETUP_ERROR:
        return f"run {run.number} has no plan to run again: mend its configuration and push"
    if not run.phase.is_final:
        return f"run {run.number} is {run.phase}: only a run that is over can be restarted"
    return f"run {run.number} succeeded: it can be restarted from its start only"
