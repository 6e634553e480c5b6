"""Run it again: a new run from one that is over, whole, only what did not succeed, or chosen tasks."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches

import msgspec

from tidemill.core.actions import create
from tidemill.core.graph import descendants
from tidemill.core.plan import Plan, PlanTask, RestoreWorkspace, SaveToWorkspace
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, StepPhase, TaskId
from tidemill.core.settling import matches
from tidemill.errors import BadRequest

_REFUSED = "runCannotBeRestarted"
_MOST_NAMED = 5
_MOST_LISTED = 20
_LONGEST = 80


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


def recreate(
    run: Run,
    plan: Plan,
    fresh: Fresh,
    *,
    from_start: bool,
    chosen: Sequence[str] = (),
    gone: Collection[TaskId] = (),
) -> Run:
    """A new queued run of the same plan (reference, run configuration 6.12).

    Not *from_start*, it keeps the tasks that succeeded, with id, state and logs, unless they depend
    on one that did not. With tasks *chosen* by name or id it does those again and all that depends on
    them, and keeps every other one. A task that is kept otherwise is done again when its archives are
    *gone* and a task that is done again restores them.

    Raises BadRequest `runCannotBeRestarted`, and `runTaskDoesNotExist` for what is chosen.
    """
    is_partial = not from_start and not chosen
    if not (can_restart_from_failed(run) if is_partial else can_restart_from_start(run)):
        raise BadRequest(_refusal(run), code=_REFUSED)
    if from_start and chosen:
        raise BadRequest("a restart from the start does all tasks again: choose none")
    new = create(
        Run(
            id=fresh.id,
            name=run.name,
            group=run.group,
            number=fresh.number,
            annotations=run.annotations,
            scope=run.scope,
            created_at=fresh.now,
            restarted_from=run.number,
        ),
        plan,
        fresh.task_ids,
    )
    if from_start:
        return new
    parents = {task.name: [depend.task for depend in task.depends] for task in plan.tasks}
    roots = _chosen(run, plan, chosen) if chosen else _without_success(run)
    again = descendants(parents, roots)
    if chosen:
        _require_kept(run, plan, again)
    again = _with_sources(plan, parents, again, {task.name for task in run.tasks if task.id in gone})
    kept = {task.name: task for task in run.tasks if task.name not in again and task.status is Status.SUCCESS}
    return msgspec.structs.replace(new, tasks=tuple(kept.get(task.name, task) for task in new.tasks))


def missing_archives(run: Run, plan: Plan, there: Collection[tuple[TaskId, int]]) -> set[TaskId]:
    """The tasks of *run* that have kept files for others which are not *there* any more, by (task, step)."""
    planned = {task.name: task for task in plan.tasks}
    return {
        task.id
        for task in run.tasks
        for number, (step, state) in enumerate(zip(planned[task.name].steps, task.steps, strict=False))
        if isinstance(step, SaveToWorkspace) and state.phase is StepPhase.SUCCESS
        if (task.id, number) not in there
    }


def _without_success(run: Run) -> set[str]:
    return {task.name for task in run.tasks if task.status is not Status.SUCCESS}


def _chosen(run: Run, plan: Plan, named: Sequence[str]) -> set[str]:
    """The names of the tasks that are *named*, each by name or id."""
    names = {task.id: task.name for task in run.tasks} | {task.name: task.name for task in run.tasks}
    for one in named:
        if one not in names:
            known = sorted(task.name for task in run.tasks)
            said = ", ".join(get_close_matches(one[:_LONGEST], known, n=1) or known[:_MOST_LISTED])
            raise BadRequest(
                f"run {run.number} has no task {one[:_LONGEST]!r}; there is {said or 'none'}",
                code="runTaskDoesNotExist",
            )
        if plan.task(names[one]).skip:
            raise BadRequest(
                f"task {names[one]!r} is not for this run and would be skipped again: choose others",
                code=_REFUSED,
            )
    return {names[one] for one in named}


def _require_kept(run: Run, plan: Plan, again: Collection[str]) -> None:
    """Every task that is not done *again* has succeeded, or would be skipped again for the same reason."""
    states = {task.name: task for task in run.tasks}
    bad = [
        states[planned.name]
        for planned in plan.tasks
        if planned.name not in again and not _can_stay(planned, states)
    ]
    if bad:
        said = [f"{task.name!r} ({_ended(task)})" for task in bad[:_MOST_NAMED]]
        more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
        raise BadRequest(
            f"only what succeeded can be kept of run {run.number}: choose {', '.join(said)}{more} too",
            code=_REFUSED,
        )


def _can_stay(planned: PlanTask, states: Mapping[str, RunTask]) -> bool:
    task = states[planned.name]
    if task.status is Status.SUCCESS or planned.skip:
        return True
    is_ruled_out = any(not matches(depend, states[depend.task]) for depend in planned.depends)
    return task.status is Status.SKIPPED and is_ruled_out


def _with_sources(
    plan: Plan, parents: Mapping[str, Collection[str]], again: set[str], gone: Collection[str]
) -> set[str]:
    """*again*, with the tasks whose archives are *gone* and wanted there, and with what depends on them."""
    restoring = {task.name for task in plan.tasks if _restores(task)}
    lacking = set(gone) - again
    while wanted := {name for name in lacking if descendants(parents, {name}) & again & restoring}:
        again = descendants(parents, again | wanted)
        lacking -= again
    return again


def _restores(planned: PlanTask) -> bool:
    return any(isinstance(step, RestoreWorkspace) and not step.skip for step in planned.steps)


def _ended(task: RunTask) -> str:
    return f"{task.status}: {task.reason}" if task.reason else task.status


def _refusal(run: Run) -> str:
    if run.phase is Phase.SETUP_ERROR:
        return f"run {run.number} has no plan to run again: mend its configuration and push"
    if not run.phase.is_final:
        return f"run {run.number} is {run.phase}: only a run that is over can be restarted"
    return f"run {run.number} succeeded: restart it from its start, or name the tasks to do again"
