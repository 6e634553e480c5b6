"""Explaining a task: what it waits for, what it is at, why it ended so."""

from collections.abc import Mapping
from datetime import datetime

from tidemill.core.explaining.chances import explain_queued
from tidemill.core.explaining.nouns import Circumstances, Explanation
from tidemill.core.job import JobPhase
from tidemill.core.plan import PlanTask
from tidemill.core.retrying import exit_code
from tidemill.core.run import Phase, Run, RunTask, Status, StepPhase
from tidemill.core.spans import span

_MOST_NAMED = 3
_SIMPLE = {
    Status.SKIPPED: ("skipped", "the run goes on without it"),
    Status.CANCELLED: ("cancelled", "it had not begun"),
    Status.STOPPED: ("stopped", "it was told to stop"),
}


def explain_task(
    run: Run, task: RunTask, planned: Mapping[str, PlanTask], around: Circumstances
) -> Explanation:
    """One task of *run*."""
    plan = planned[task.name]
    match task.status:
        case Status.NOT_STARTED:
            return _not_started(run, task, plan, around)
        case Status.RUNNING:
            return _running(task, plan, around)
        case Status.SUCCESS:
            again = f" at attempt {task.attempt}" if task.attempt > 1 else ""
            return Explanation(code="succeeded", sentence=f"succeeded{again}{_took(task)}")
        case Status.FAILED | Status.LOST:
            return _failed(task, plan)
    code, otherwise = _SIMPLE[task.status]
    reason = task.reason or otherwise
    return Explanation(code=code, sentence=f"{code}: {_without(code, reason)}", evidence={"reason": reason})


def failure(task: RunTask, planned: PlanTask) -> str:
    """How a task has failed, as the end of a sentence about it."""
    if task.status is Status.LOST:
        return f"was lost: {task.reason}"
    if task.timed_out:
        return "took too long" + (f": {task.reason}" if task.reason else "")
    for number, step in enumerate(task.steps, 1):
        ignored = number <= len(planned.steps) and planned.steps[number - 1].ignore_failure
        if step.phase is StepPhase.FAILED and not ignored:
            code = f" with exit code {step.exit_code}" if step.exit_code is not None else ""
            why = step.reason or task.reason
            return f"failed at step {number}{code}" + (f": {why}" if why else "")
    where = " in its setup" if task.setup.phase is StepPhase.FAILED else ""
    return f"failed{where}" + (f": {task.reason}" if task.reason else "")


def _not_started(run: Run, task: RunTask, plan: PlanTask, around: Circumstances) -> Explanation:
    if run.phase is not Phase.RUNNING:
        code = "run_not_started" if run.phase is Phase.QUEUED else "run_cancelled"
        state = "has not started" if run.phase is Phase.QUEUED else f"is {run.phase}"
        return Explanation(code=code, sentence=f"waiting: the run {state}", evidence={"phase": run.phase})
    if task.waiting_approval:
        return _unapproved(task, plan, around.now)
    if task.not_before is not None:
        wait = span(max(0.0, (task.not_before - around.now).total_seconds()))
        past = task.past[-1]
        how = past.reason or ("it took too long" if past.timed_out else f"it {past.status}")
        sentence = f"waiting: attempt {task.attempt} begins in {wait}, after attempt {past.number}: {how}"
        return Explanation(
            code="waits_for_retry", sentence=sentence, evidence={"not before": task.not_before.isoformat()}
        )
    job = around.jobs.get(task.id)
    if job is None:
        return _needing(run, plan, around.now)
    if job.phase is JobPhase.QUEUED:
        return explain_queued(plan, around.executors)
    sentence = f"starting: executor {job.executor} has it and is about to begin"
    return Explanation(code="given_to_executor", sentence=sentence, evidence={"executor": job.executor})


def _needing(run: Run, plan: PlanTask, now: datetime) -> Explanation:
    by_name = {task.name: task for task in run.tasks}
    open_ = [by_name[d.task] for d in plan.depends if not by_name[d.task].status.is_final]
    if not open_:
        return Explanation(code="starts_now", sentence="waiting: it is about to be queued")
    said = [f"`{task.name}` ({_state(task, now)})" for task in open_[:_MOST_NAMED]]
    rest = len(open_) - len(said)
    sentence = f"waiting: needs {', '.join(said)}" + (f" and {rest} more" if rest else "")
    return Explanation(
        code="waits_for_tasks", sentence=sentence, evidence={task.name: task.status for task in open_}
    )


def _state(task: RunTask, now: datetime) -> str:
    if task.status is Status.RUNNING and task.started_at is not None:
        return f"running since {span(max(0.0, (now - task.started_at).total_seconds()))}"
    return "waits for approval" if task.waiting_approval else "not started"


def _unapproved(task: RunTask, plan: PlanTask, now: datetime) -> Explanation:
    missing = plan.approvers - len(task.approvers)
    who = "somebody must approve it" if plan.approvers == 1 else f"{missing} more must approve it"
    evidence = {"approvals": str(len(task.approvers)), "needed": str(plan.approvers)}
    until = ""
    if task.approve_by is not None:
        until = f", within {span(max(0.0, (task.approve_by - now).total_seconds()))}"
        evidence["until"] = task.approve_by.isoformat()
    return Explanation(code="waits_for_approval", sentence=f"waiting: {who}{until}", evidence=evidence)


def _running(task: RunTask, plan: PlanTask, around: Circumstances) -> Explanation:
    job = around.jobs.get(task.id)
    evidence = {"executor": job.executor} if job else {}
    since = span(max(0.0, (around.now - task.started_at).total_seconds())) if task.started_at else "now"
    if job is not None and job.stop:
        reason = task.reason or "it was told to stop"
        return Explanation(code="stopping", sentence=f"stopping: {reason}", evidence=evidence)
    at = "its setup"
    for number, step in enumerate(task.steps, 1):
        if step.phase is StepPhase.RUNNING:
            name = plan.steps[number - 1].name if number <= len(plan.steps) else ""
            at = f"step {number} of {len(plan.steps)}" + (f" `{name}`" if name else "")
    return Explanation(code="running", sentence=f"running since {since}: at {at}", evidence=evidence)


def _failed(task: RunTask, plan: PlanTask) -> Explanation:
    evidence = {"attempts": str(task.attempt)}
    if (code := exit_code(plan, task.steps)) is not None:
        evidence["exit code"] = str(code)
    how = failure(task, plan)
    after = f", after {task.attempt} attempts" if task.attempt > 1 else ""
    ignored = "; the run ignores it" if plan.ignore_failure else ""
    name = "lost" if task.status is Status.LOST else "timed_out" if task.timed_out else "failed"
    return Explanation(
        code="failed_ignored" if plan.ignore_failure else name,
        sentence=f"it {how}{after}{ignored}",
        evidence=evidence,
    )


def _took(task: RunTask) -> str:
    if task.started_at is None or task.ended_at is None:
        return ""
    return f" in {span(max(0.0, (task.ended_at - task.started_at).total_seconds()))}"


def _without(code: str, reason: str) -> str:
    """*reason* that does not say the code again, which a plan's reasons begin with."""
    return reason.removeprefix(f"{code}: ")
