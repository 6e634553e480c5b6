"""Explaining the steps of a task."""

from datetime import datetime

from tidemill.core.explaining.nouns import Explanation
from tidemill.core.plan import PlanTask, Step
from tidemill.core.run import RunTask, StepPhase, StepState
from tidemill.core.spans import span

_PLAIN = {
    StepPhase.CANCELLED: ("cancelled", "cancelled: it had not begun"),
    StepPhase.STOPPED: ("stopped", "stopped with its task"),
}


def explain_steps(task: RunTask, plan: PlanTask, now: datetime) -> tuple[Explanation, ...]:
    """Each step of the task's latest attempt."""
    unreported = (StepState(),) * (len(plan.steps) - len(task.steps))
    states = task.steps + unreported
    return tuple(_explained(step, state, task, now) for step, state in zip(plan.steps, states, strict=False))


def _explained(step: Step, state: StepState, task: RunTask, now: datetime) -> Explanation:
    evidence = {} if state.exit_code is None else {"exit code": str(state.exit_code)}
    match state.phase:
        case StepPhase.NOT_STARTED:
            return _not_started(step, task)
        case StepPhase.SKIPPED:
            return Explanation(code="skipped", sentence=f"skipped: {_why(step)}")
        case StepPhase.RUNNING:
            since = span(max(0.0, (now - state.started_at).total_seconds())) if state.started_at else "now"
            return Explanation(code="running", sentence=f"running since {since}")
        case StepPhase.SUCCESS:
            return Explanation(code="succeeded", sentence=f"succeeded{_took(state)}", evidence=evidence)
        case StepPhase.FAILED:
            how = state.reason or (
                f"exit code {state.exit_code}" if state.exit_code is not None else "it ended with its task"
            )
            ignored = "; the task ignores it" if step.ignore_failure else ""
            return Explanation(
                code="failed_ignored" if step.ignore_failure else "failed",
                sentence=f"failed: {how}{ignored}",
                evidence=evidence,
            )
    code, sentence = _PLAIN[state.phase]
    return Explanation(code=code, sentence=sentence)


def _not_started(step: Step, task: RunTask) -> Explanation:
    if step.skip:
        return Explanation(code="skipped", sentence=f"skipped: {_why(step)}")
    if task.status.is_final:
        return Explanation(code="not_reached", sentence=f"not reached: its task {task.status} before it")
    return Explanation(code="waits_for_its_turn", sentence="waiting: the steps before it are not done")


def _why(step: Step) -> str:
    return step.skip.removeprefix("skipped: ") or "its task went on without it"


def _took(state: StepState) -> str:
    if state.started_at is None or state.ended_at is None:
        return ""
    return f" in {span(max(0.0, (state.ended_at - state.started_at).total_seconds()))}"
