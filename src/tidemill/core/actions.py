"""What can be done to a run from outside: create, start, cancel, stop, approve, reject; typed refusals."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Run, RunTask, Status, StepState, TaskId
from tidemill.errors import BadRequest, Conflict, NotFound


def create(run: Run, plan: Plan | None, task_ids: Sequence[TaskId]) -> Run:
    """Complete a new *run*: one task per task of its plan, or phase SETUP_ERROR for its errors.

    *task_ids* are new ids, in the order of the plan's tasks.
    """
    if run.setup_errors or plan is None:
        return replace(run, phase=Phase.SETUP_ERROR, tasks=())
    return replace(run, phase=Phase.QUEUED, tasks=new_tasks(plan, task_ids))


def new_tasks(plan: Plan, ids: Sequence[TaskId]) -> tuple[RunTask, ...]:
    """The tasks of *plan* as they are before anything happened, with *ids* in the plan's order."""
    return tuple(
        RunTask(
            id=new_id,
            name=task.name,
            status=Status.SKIPPED if task.skip else Status.NOT_STARTED,
            reason=task.skip_reason,
            steps=(StepState(),) * len(task.steps),
        )
        for task, new_id in zip(plan.tasks, ids, strict=True)
    )


def start(run: Run, now: datetime) -> Run:
    """QUEUED -> RUNNING; its tasks start with the next `advance`."""
    _require_queued(run, "started")
    return replace(run, phase=Phase.RUNNING, started_at=now)


def cancel(run: Run, reason: str, now: datetime) -> Run:
    """QUEUED -> CANCELLED."""
    _require_queued(run, "cancelled")
    return replace(run, phase=Phase.CANCELLED, reason=reason, ended_at=now)


def ask_stop(run: Run, reason: str) -> Run:
    """Ask a running run to stop; asking again changes nothing. `advance` does the rest."""
    if run.phase is not Phase.RUNNING:
        raise Conflict(
            f"run {run.number} is {run.phase}: only a running run can be stopped", code="runNotRunning"
        )
    return run if run.stopping else replace(run, stopping=True, reason=reason)


def approve(run: Run, task_id: TaskId, approver: str) -> Run:
    """Record that *approver* lets a task start; `advance` does the rest, also if its turn is yet to come."""
    task = _task(run, task_id)
    if approver in task.approvers:
        raise BadRequest(f"you have approved task {task.name!r} already; once is enough")
    _require_unstarted(run, task)
    return _with(run, task.approved_by(approver))


def reject(run: Run, plan: Plan | None, task_id: TaskId, reason: str) -> Run:
    """Skip a task that is not approved yet; `advance` does the rest, also if its turn is yet to come."""
    task = _task(run, task_id)
    _require_unstarted(run, task)
    if plan is None or not plan.task(task.name).approval:  # an executor may have it already
        raise BadRequest(f"task {task.name!r} waits for no approval", code="runTaskNotWaitingApproval")
    if task.approved:
        raise BadRequest(
            f"task {task.name!r} is approved: stop the run instead", code="runTaskNotWaitingApproval"
        )
    skipped = replace(task, status=Status.SKIPPED, reason=reason, waiting_approval=False, approve_by=None)
    return _with(run, skipped)


def _task(run: Run, id: TaskId) -> RunTask:
    for task in run.tasks:
        if task.id == id:
            return task
    raise NotFound(f"run {run.number} has no task {id!r}", code="runTaskDoesNotExist")


def _require_unstarted(run: Run, task: RunTask) -> None:
    if run.phase.is_final or task.status is not Status.NOT_STARTED:
        raise BadRequest(
            f"task {task.name!r} is {task.status} in a run that is {run.phase}: it waits for no approval",
            code="runTaskNotWaitingApproval",
        )


def _with(run: Run, task: RunTask) -> Run:
    return replace(run, tasks=tuple(task if one.id == task.id else one for one in run.tasks))


def _require_queued(run: Run, done: str) -> None:
    if run.phase is not Phase.QUEUED:
        raise Conflict(
            f"run {run.number} is {run.phase}: only a queued run can be {done}", code="runNotQueued"
        )
