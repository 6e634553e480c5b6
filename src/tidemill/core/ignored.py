"""Failures that are ignored: warnings, a third state beside success and failure, of tasks and of steps."""

from tidemill.core.plan import PlanTask, Step
from tidemill.core.run import RunTask, Status, StepPhase, StepState


def is_warning(planned: PlanTask, task: RunTask) -> bool:
    """Whether *task* has failed and its run goes on as if it had not."""
    return planned.ignore_failure and task.status in (Status.FAILED, Status.LOST)


def is_step_warning(step: Step, state: StepState) -> bool:
    """Whether a step has failed and its task goes on; one that was cut off with its task has not."""
    has_failed_itself = state.exit_code is not None or bool(state.reason)
    return step.ignore_failure and state.phase is StepPhase.FAILED and has_failed_itself


def warnings(planned: PlanTask, task: RunTask) -> int:
    """How many failures of a task are ignored: its own, and those of steps in its latest attempt."""
    steps = zip(planned.steps, task.steps, strict=False)
    return is_warning(planned, task) + sum(is_step_warning(step, state) for step, state in steps)
