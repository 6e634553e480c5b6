"""From runs and plans to the shapes of the public API."""

from collections.abc import Mapping

from tidemill.contracts.gateway.runs import (
    AttemptResponse,
    ContainerResponse,
    RunResponse,
    RunResponseTask,
    RunsResponse,
    RunTaskResponse,
    SetupStepResponse,
    StepResponse,
    TaskDepend,
)
from tidemill.contracts.runservice import RunDetail
from tidemill.core.ignored import is_step_warning, is_warning, warnings
from tidemill.core.plan import CloneStep, Plan, PlanTask, RunStep, Step
from tidemill.core.restart import can_restart_from_failed, can_restart_from_start
from tidemill.core.retrying import exit_code
from tidemill.core.run import Attempt, Run, RunTask, Status, StepPhase, StepState
from tidemill.kit.go_json import go_time

_NOT_FINAL = (StepPhase.NOT_STARTED, StepPhase.RUNNING)
_CLONE = "Clone repository and checkout code"


def listed_run(run: Run) -> RunsResponse:
    """A run in a list."""
    return RunsResponse(
        number=run.number,
        name=run.name,
        annotations=_sorted(run.annotations),
        phase=run.phase,
        result=run.result,
        tasks_waiting_approval=_waiting(run),
        enqueue_time=go_time(run.created_at),
        start_time=go_time(run.started_at),
        end_time=go_time(run.ended_at),
        warnings=run.warnings,
    )


def shown_run(run: Run, plan: Plan | None) -> RunResponse:
    """A run with its tasks."""
    planned = {task.name: task for task in (plan.tasks if plan else ())}
    ids = {task.name: task.id for task in run.tasks}
    tasks = sorted(run.tasks, key=lambda task: task.id)
    return RunResponse(
        number=run.number,
        name=run.name,
        annotations=_sorted(run.annotations),
        phase=run.phase,
        result=run.result,
        setup_errors=run.setup_errors or None,
        stopping=run.stopping,
        tasks={task.id: _task(task, planned[task.name], ids) for task in tasks},
        tasks_waiting_approval=_waiting(run),
        enqueue_time=go_time(run.created_at),
        start_time=go_time(run.started_at),
        end_time=go_time(run.ended_at),
        can_restart_from_scratch=can_restart_from_start(run),
        can_restart_from_failed_tasks=can_restart_from_failed(run),
        reason=run.reason,
        warnings=run.warnings,
        restarted_from=run.restarted_from,
    )


def shown_task(task: RunTask, detail: RunDetail) -> RunTaskResponse:
    """A task with its steps."""
    assert detail.plan is not None  # a run with tasks has a plan
    planned = detail.plan.task(task.name)
    unreported = (StepState(),) * (len(planned.steps) - len(task.steps))
    return RunTaskResponse(
        id=task.id,
        name=task.name,
        status=shown_status(task),
        timedout=task.timed_out,
        containers=tuple(ContainerResponse(image=c.image) for c in planned.runtime.containers),
        waiting_approval=task.waiting_approval,
        approved=task.approved,
        approval_annotations=_sorted(task.annotations) or None,
        setup_step=SetupStepResponse(
            phase=task.setup.phase,
            name="Task setup",
            start_time=go_time(task.setup.started_at),
            end_time=go_time(task.setup.ended_at),
        ),
        steps=tuple(
            _step(step, state, planned, is_over=task.status.is_final)
            for step, state in zip(planned.steps, task.steps + unreported, strict=False)
        ),
        start_time=go_time(task.started_at),
        end_time=go_time(task.ended_at),
        task_timeout_interval=_nanoseconds(planned.timeout),
        reason=task.reason,
        attempt=task.attempt,
        next_attempt_time=go_time(task.not_before),
        past_attempts=_past(task, planned),
        needed_approvals=planned.approvers,
        approve_by_time=go_time(task.approve_by),
        warning=is_warning(planned, task),
        warnings=warnings(planned, task),
    )


def _task(task: RunTask, planned: PlanTask, ids: Mapping[str, str]) -> RunResponseTask:
    depends = {ids[d.task]: TaskDepend(task_id=ids[d.task], conditions=d.conditions) for d in planned.depends}
    return RunResponseTask(
        id=task.id,
        name=task.name,
        status=shown_status(task),
        timedout=task.timed_out,
        level=planned.level,
        depends=dict(sorted(depends.items())),
        waiting_approval=task.waiting_approval,
        approved=task.approved,
        approval_annotations=_sorted(task.annotations) or None,
        start_time=go_time(task.started_at),
        end_time=go_time(task.ended_at),
        task_timeout_interval=_nanoseconds(planned.timeout),
        reason=task.reason,
        attempt=task.attempt,
        next_attempt_time=go_time(task.not_before),
        past_attempts=_past(task, planned),
        needed_approvals=planned.approvers,
        approve_by_time=go_time(task.approve_by),
        warning=is_warning(planned, task),
        warnings=warnings(planned, task),
    )


def _step(step: Step, state: StepState, task: PlanTask, *, is_over: bool) -> StepResponse:
    """A clone step is shown as the `run` step that the reference makes of it; it knows no skipped ones."""
    run = step if isinstance(step, RunStep) else None
    is_run = isinstance(step, RunStep | CloneStep)
    kind = str(step.__struct_config__.tag)
    return StepResponse(
        phase=StepPhase.NOT_STARTED if state.phase is StepPhase.SKIPPED else state.phase,
        type="run" if is_run else kind,
        name=run.name if run else _CLONE if is_run else kind.replace("_", " "),
        command=run.command if run else "",
        shell=((run.shell if run else None) or task.shell) if is_run else "",
        exit_status=state.exit_code,
        start_time=go_time(state.started_at),
        end_time=go_time(state.ended_at),
        # The end of a step is told only once its log is stored.
        log_archived=is_over or state.phase not in _NOT_FINAL,
        warning=is_step_warning(step, state),
    )


def _past(task: RunTask, planned: PlanTask) -> tuple[AttemptResponse, ...]:
    return tuple(
        AttemptResponse(
            number=past.number,
            status=shown_status(past),
            timedout=past.timed_out,
            start_time=go_time(past.started_at),
            end_time=go_time(past.ended_at),
            reason=past.reason,
            exit_status=exit_code(planned, past.steps),
        )
        for past in task.past
    )


def shown_status(task: RunTask | Attempt) -> str:
    """The reference knows no lost tasks."""
    return Status.FAILED if task.status is Status.LOST else task.status


def _waiting(run: Run) -> tuple[str, ...]:
    return tuple(sorted(task.id for task in run.tasks if task.waiting_approval))


def _sorted(mapping: dict[str, str]) -> dict[str, str]:
    """In the order in which Go writes a map."""
    return dict(sorted(mapping.items()))


def _nanoseconds(seconds: float | None) -> int:
    return round((seconds or 0) * 1_000_000_000)
