"""Another attempt: after which ends a task is tried again, and what stays of the attempt before."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from tidemill.core.plan import PlanTask, RetryOn
from tidemill.core.run import Attempt, RunTask, Status, StepPhase, StepState


def may_try_again(planned: PlanTask, task: RunTask) -> bool:
    """Whether *task* has ended in a way after which its plan wants another attempt, and has one left."""
    retry = planned.retry
    if task.attempt >= retry.attempts:
        return False
    if task.status is Status.LOST:
        return RetryOn.LOST in retry.on
    if task.status is not Status.FAILED:
        return False
    if task.timed_out:
        return RetryOn.TIMEOUT in retry.on
    is_meant = not retry.exit_codes or exit_code(planned, task.steps) in retry.exit_codes
    return RetryOn.FAILED in retry.on and is_meant


def next_attempt(planned: PlanTask, task: RunTask, now: datetime) -> RunTask:
    """*task* as it is before its next attempt; the one that has ended is kept."""
    pause = timedelta(seconds=planned.retry.backoff * 2 ** (task.attempt - 1))
    return replace(
        task,
        status=Status.NOT_STARTED,
        reason="",
        timed_out=False,
        setup=StepState(),
        steps=(StepState(),) * len(planned.steps),
        started_at=None,
        ended_at=None,
        attempt=task.attempt + 1,
        past=(*task.past, _ended(task)),
        not_before=now + pause if pause else None,
    )


def exit_code(planned: PlanTask, steps: tuple[StepState, ...]) -> int | None:
    """The exit code of the step that the task failed with; None where no step's failure did it."""
    for step, state in zip(planned.steps, steps, strict=False):
        if state.phase is StepPhase.FAILED and not step.ignore_failure:
            return state.exit_code
    return None


def _ended(task: RunTask) -> Attempt:
    return Attempt(
        number=task.attempt,
        status=task.status,
        reason=task.reason,
        timed_out=task.timed_out,
        setup=task.setup,
        steps=task.steps,
        started_at=task.started_at,
        ended_at=task.ended_at,
    )
