"""Explaining the steps of a task."""

from datetime import datetime

from msgspec.structs import replace

from tidemill.core.explaining.nouns import Explanation, sentence
from tidemill.core.ignored import is_step_warning
from tidemill.core.plan import PlanTask, RunStep, Step
from tidemill.core.run import Attempt, RunTask, Status, StepPhase, StepState
from tidemill.core.spans import span

_PLAIN = {
    StepPhase.CANCELLED: ("cancelled", "cancelled: it had not begun"),
    StepPhase.STOPPED: ("stopped", "stopped with its task"),
}
_SETUP = RunStep(command="")
"""What stands for the setup, which no plan has a step for."""
_AWAITED = {
    (True, False): "its executor has not begun with it",
    (False, True): "its task's setup is not done",
    (False, False): "the steps before it are not done",
}
"""By whether it is the setup that waits, and whether the setup is at work."""
_TASK_WAS = {
    Status.SUCCESS: "its task ended without it",
    Status.SKIPPED: "its task is skipped",
    Status.CANCELLED: "its task was cancelled",
    Status.STOPPED: "its task was stopped before it",
    Status.FAILED: "its task failed before it",
    Status.LOST: "its task was lost before it",
}


def explain_steps(task: RunTask | Attempt, plan: PlanTask, now: datetime) -> tuple[Explanation, ...]:
    """Each step of a task's latest attempt, or of one before."""
    unreported = (StepState(),) * (len(plan.steps) - len(task.steps))
    states = task.steps + unreported
    return tuple(_explained(step, state, task, now) for step, state in zip(plan.steps, states, strict=False))


def explain_setup(task: RunTask | Attempt, now: datetime) -> Explanation:
    """The preparation of a task's pod; the reason of its failure is the task's."""
    state = task.setup
    if state.phase is StepPhase.FAILED and not state.reason:
        state = replace(state, reason=task.reason)
    return _explained(_SETUP, state, task, now)


def _explained(step: Step, state: StepState, task: RunTask | Attempt, now: datetime) -> Explanation:
    evidence = {} if state.exit_code is None else {"exit code": str(state.exit_code)}
    match state.phase:
        case StepPhase.NOT_STARTED:
            return _not_started(step, task)
        case StepPhase.SKIPPED:
            return _skipped(step)
        case StepPhase.RUNNING:
            return _running(state, now)
        case StepPhase.SUCCESS:
            return Explanation(code="succeeded", sentence=f"succeeded{_took(state)}", evidence=evidence)
        case StepPhase.FAILED:
            return _failed(step, state, evidence)
    code, said = _PLAIN[state.phase]
    return Explanation(code=code, sentence=said)


def _running(state: StepState, now: datetime) -> Explanation:
    if state.started_at is None:
        return Explanation(code="running", sentence="running")
    since = span(max(0.0, (now - state.started_at).total_seconds()))
    return Explanation(
        code="running",
        sentence=f"running since {since}",
        evidence={"started": state.started_at.isoformat()},
    )


def _failed(step: Step, state: StepState, evidence: dict[str, str]) -> Explanation:
    how = state.reason or (f"exit code {state.exit_code}" if state.exit_code is not None else "")
    if not how:
        return Explanation(code="cut_off", sentence="cut off: it was at work when its task ended")
    if state.reason:
        evidence = evidence | {"reason": state.reason}
    if is_step_warning(step, state):
        return Explanation(
            code="failed_ignored", sentence=f"failed: {how}; the task ignores it", evidence=evidence
        )
    return Explanation(code="failed", sentence=f"failed: {how}", evidence=evidence)


def _not_started(step: Step, task: RunTask | Attempt) -> Explanation:
    if step.skip:
        return _skipped(step)
    evidence = {"task": str(task.status)}
    if task.status.is_final:
        return Explanation(
            code="not_reached", sentence=f"not reached: {_TASK_WAS[task.status]}", evidence=evidence
        )
    if task.status is Status.NOT_STARTED:
        return Explanation(
            code="task_not_started", sentence="waiting: its task has not begun", evidence=evidence
        )
    what = _AWAITED[step is _SETUP, task.setup.phase is StepPhase.RUNNING]
    return Explanation(code="waits_for_its_turn", sentence=f"waiting: {what}", evidence=evidence)


def _skipped(step: Step) -> Explanation:
    reason = step.skip or "its task went on without it"
    return Explanation(code="skipped", sentence=sentence("skipped", reason), evidence={"reason": reason})


def _took(state: StepState) -> str:
    if state.started_at is None or state.ended_at is None:
        return ""
    return f" in {span(max(0.0, (state.ended_at - state.started_at).total_seconds()))}"
