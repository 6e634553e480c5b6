"""Explaining a task: what it waits for, what it is at, why it ended so."""

from collections.abc import Mapping
from datetime import datetime

from tidemill.core.explaining.chances import explain_queued
from tidemill.core.explaining.nouns import Circumstances, Explanation, JobView, sentence
from tidemill.core.ignored import warnings
from tidemill.core.job import JobPhase
from tidemill.core.plan import PlanTask
from tidemill.core.retrying import exit_code
from tidemill.core.run import Attempt, Phase, Run, RunTask, Status, StepPhase
from tidemill.core.settling import STOPPED, matches
from tidemill.core.spans import span

_MOST_NAMED = 3


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
            return _succeeded(run, task, plan)
        case Status.FAILED | Status.LOST:
            return _failed(task, plan)
        case Status.SKIPPED:
            return _skipped(run, task, plan)
    reason = task.reason or ("it had not begun" if task.status is Status.CANCELLED else "it was told to stop")
    return Explanation(code=task.status, sentence=sentence(task.status, reason), evidence={"reason": reason})


def explain_attempt(past: Attempt, plan: PlanTask) -> Explanation:
    """An attempt of a task that was followed by another."""
    return Explanation(code=_how(past), sentence=f"it {failure(past, plan)}", evidence=_ended(past, plan))


def failure(task: RunTask | Attempt, planned: PlanTask) -> str:
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
    if run.phase is Phase.QUEUED:
        return Explanation(code="run_not_started", sentence="waiting: the run has not started")
    if run.phase is not Phase.RUNNING:
        reason = run.reason or "the run was cancelled"
        return Explanation(code="run_cancelled", sentence=f"not begun: {reason}", evidence={"reason": reason})
    if task.waiting_approval:
        return _unapproved(task, plan, around.now)
    if task.not_before is not None:
        return _between(task, task.not_before, around.now)
    job = around.jobs.get(task.id)
    return _needing(run, plan, around.now) if job is None else _handed_out(task, plan, job, around)


def _between(task: RunTask, not_before: datetime, now: datetime) -> Explanation:
    past = task.past[-1]
    how = past.reason or ("it took too long" if past.timed_out else f"it {past.status}")
    wait = span(max(0.0, (not_before - now).total_seconds()))
    return Explanation(
        code="waits_for_retry",
        sentence=f"waiting: attempt {task.attempt} begins in {wait}, after attempt {past.number}: {how}",
        evidence={"not before": not_before.isoformat()},
    )


def _handed_out(task: RunTask, plan: PlanTask, job: JobView, around: Circumstances) -> Explanation:
    if job.phase is JobPhase.QUEUED:
        return explain_queued(plan, around.executors)
    if job.stop:
        return _stopping(task, job.executor)
    said = f"starting: executor {job.executor} has it and is about to begin"
    return Explanation(code="given_to_executor", sentence=said, evidence={"executor": job.executor})


def _needing(run: Run, plan: PlanTask, now: datetime) -> Explanation:
    by_name = {task.name: task for task in run.tasks}
    open_ = [by_name[d.task] for d in plan.depends if not by_name[d.task].status.is_final]
    if not open_:
        return Explanation(code="starts_now", sentence="waiting: it is about to be queued")
    named = [f"`{task.name}` ({_state(task, now)})" for task in open_[:_MOST_NAMED]]
    rest = len(open_) - len(named)
    said = f"waiting: needs {', '.join(named)}" + (f" and {rest} more" if rest else "")
    return Explanation(
        code="waits_for_tasks", sentence=said, evidence={task.name: task.status for task in open_}
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
    if job is not None and job.stop:
        return _stopping(task, job.executor)
    evidence = {"executor": job.executor} if job else {}
    since = span(max(0.0, (around.now - task.started_at).total_seconds())) if task.started_at else "now"
    at = "its setup"
    for number, step in enumerate(task.steps, 1):
        if step.phase is StepPhase.RUNNING:
            name = plan.steps[number - 1].name if number <= len(plan.steps) else ""
            at = f"step {number} of {len(plan.steps)}" + (f" `{name}`" if name else "")
    return Explanation(code="running", sentence=f"running since {since}: at {at}", evidence=evidence)


def _stopping(task: RunTask, executor: str) -> Explanation:
    reason = task.reason or "it was told to stop"
    return Explanation(
        code="stopping", sentence=f"stopping: {reason}", evidence={"executor": executor, "reason": reason}
    )


def _succeeded(run: Run, task: RunTask, plan: PlanTask) -> Explanation:
    again = f" at attempt {task.attempt}" if task.attempt > 1 else ""
    evidence = {"attempts": str(task.attempt)}
    if task.ended_at is not None:
        evidence["ended"] = task.ended_at.isoformat()
    said = f"succeeded{again}{_took(task)}"
    if count := warnings(plan, task):
        evidence["warnings"] = str(count)
        said += f" with {'1 step that' if count == 1 else f'{count} steps that'} failed, which it ignores"
    is_restart = run.restarted_from is not None
    if is_restart and task.ended_at is not None and task.ended_at <= run.created_at:
        return Explanation(code="kept", sentence=f"{said}, in an earlier run", evidence=evidence)
    return Explanation(
        code="succeeded_with_warnings" if count else "succeeded", sentence=said, evidence=evidence
    )


def _failed(task: RunTask, plan: PlanTask) -> Explanation:
    after = f", after {task.attempt} attempts" if task.attempt > 1 else ""
    ignored = "; the run ignores it" if plan.ignore_failure else ""
    return Explanation(
        code="failed_ignored" if plan.ignore_failure else _how(task),
        sentence=f"it {failure(task, plan)}{after}{ignored}",
        evidence={"attempts": str(task.attempt)} | _ended(task, plan),
    )


def _how(task: RunTask | Attempt) -> str:
    return "lost" if task.status is Status.LOST else "timed_out" if task.timed_out else "failed"


def _ended(task: RunTask | Attempt, plan: PlanTask) -> dict[str, str]:
    code = exit_code(plan, task.steps)
    found = {"exit code": "" if code is None else str(code), "reason": task.reason}
    return {name: value for name, value in found.items() if value}


def _skipped(run: Run, task: RunTask, plan: PlanTask) -> Explanation:
    """Passed over; by what, is seen from its plan and from the states of what it depends on."""
    reason = task.reason or "the run goes on without it"
    ends = {one.name: one for one in run.tasks}
    ruled_out = {d.task: ends[d.task].status for d in plan.depends if not matches(d, ends[d.task])}
    evidence = {"reason": reason}
    if plan.skip:
        code = "skipped_by_when"
    elif run.stopping and reason == (run.reason or STOPPED):
        code = "skipped_by_stop"
    elif ruled_out:
        code = "skipped_by_dependency"
        evidence |= ruled_out
    elif plan.approval:
        code = "not_approved"
        evidence |= {"approvals": str(len(task.approvers)), "needed": str(plan.approvers)}
    else:
        code = "skipped"
    return Explanation(code=code, sentence=sentence("skipped", reason), evidence=evidence)


def _took(task: RunTask) -> str:
    if task.started_at is None or task.ended_at is None:
        return ""
    return f" in {span(max(0.0, (task.ended_at - task.started_at).total_seconds()))}"
