"""Explaining a run: what it waits for, what it is at, why it ended so."""

from collections.abc import Callable

from msgspec.structs import replace

from tidemill.core.explaining.nouns import (
    AttemptExplanation,
    Circumstances,
    Explanation,
    RunExplanation,
    TaskExplanation,
    sentence,
)
from tidemill.core.explaining.steps import explain_setup, explain_steps
from tidemill.core.explaining.tasks import explain_attempt, explain_task, failure
from tidemill.core.ignored import is_warning, warnings
from tidemill.core.job import JobPhase
from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Result, Run, RunTask, Status
from tidemill.core.spans import span

_MOST_NAMED = 3


def explain(run: Run, plan: Plan | None, around: Circumstances) -> RunExplanation:
    """The run, its tasks and their steps, each explained."""
    planned = {task.name: task for task in (plan.tasks if plan else ())}
    return RunExplanation(
        run=_with_origin(_EXPLAINED[run.phase](run, plan, around), run),
        tasks=tuple(
            TaskExplanation(
                id=task.id,
                name=task.name,
                task=explain_task(run, task, planned, around),
                setup=explain_setup(task, around.now),
                steps=explain_steps(task, planned[task.name], around.now),
                attempts=tuple(
                    AttemptExplanation(
                        number=past.number,
                        attempt=explain_attempt(past, planned[task.name]),
                        setup=explain_setup(past, around.now),
                        steps=explain_steps(past, planned[task.name], around.now),
                    )
                    for past in task.past
                ),
            )
            for task in run.tasks
        ),
    )


def _with_origin(explained: Explanation, run: Run) -> Explanation:
    """It, with the run that this one does again."""
    if run.restarted_from is None:
        return explained
    return replace(
        explained,
        sentence=f"{explained.sentence} (a restart of run #{run.restarted_from})",
        evidence=explained.evidence | {"restart of": str(run.restarted_from)},
    )


def _setup_error(run: Run, _plan: Plan | None, _around: Circumstances) -> Explanation:
    first = run.setup_errors[0] if run.setup_errors else "its configuration could not be used"
    more = f" (and {len(run.setup_errors) - 1} more)" if len(run.setup_errors) > 1 else ""
    return Explanation(code="setup_error", sentence=f"no plan: {first}{more}", evidence={"error": first})


def _queued(_run: Run, _plan: Plan | None, around: Circumstances) -> Explanation:
    for one in around.ahead:
        evidence = {"run": str(one.number), "state": "running" if one.is_running else "queued"}
        where = f"of the concurrency group {one.concurrency}" if one.concurrency else "of the same group"
        if one.concurrency:
            evidence["concurrency"] = one.concurrency
        if one.is_running:
            return Explanation(
                code="waits_for_concurrency" if one.concurrency else "waits_for_group",
                sentence=f"waiting: run #{one.number} {where} is running",
                evidence=evidence,
            )
        return Explanation(
            code="waits_for_its_turn",
            sentence=f"waiting: run #{one.number} {where} is before it",
            evidence=evidence,
        )
    return Explanation(code="starts_now", sentence="waiting: the scheduler is about to start it")


def _cancelled(run: Run, _plan: Plan | None, _around: Circumstances) -> Explanation:
    reason = run.reason or "it was cancelled before it started"
    return Explanation(code="cancelled", sentence=sentence("cancelled", reason), evidence={"reason": reason})


def _running(run: Run, plan: Plan | None, around: Circumstances) -> Explanation:
    at_work = [task for task in run.tasks if task.status is Status.RUNNING or task.id in around.jobs]
    waiting = [task for task in run.tasks if task.waiting_approval]
    counts = {"at work": str(len(at_work)), "waiting for approval": str(len(waiting))}
    if run.stopping:
        reason = run.reason or "the run was stopped"
        said = f"stopping: {reason}; waiting for {_names(at_work)}"
        return Explanation(code="stopping", sentence=said, evidence=counts | {"reason": reason})
    if run.result is Result.FAILED:
        said = f"failed: {_failures(run, plan)}; waiting for {_names(at_work)}"
        return Explanation(code="failing", sentence=said, evidence=counts)
    if waiting and not at_work:
        said = f"waiting: somebody must approve {_names(waiting)}"
        return Explanation(code="waits_for_approval", sentence=said, evidence=counts)
    to_come = sum(not task.status.is_final for task in run.tasks) - len(at_work)
    queued = [task for task in at_work if _is_queued(task, around)]
    at_work = [task for task in at_work if task not in queued]
    parts = [f"{_names(at_work)} at work"] if at_work or not queued else []
    if queued:
        parts.append(f"{_names(queued)} {'waits' if len(queued) == 1 else 'wait'} for an executor")
    counts |= {"at work": str(len(at_work)), "waiting for an executor": str(len(queued))}
    said = f"running: {', '.join(parts)}, {to_come} to come"
    return Explanation(code="running", sentence=said, evidence=counts | {"to come": str(to_come)})


def _is_queued(task: RunTask, around: Circumstances) -> bool:
    job = around.jobs.get(task.id)
    return job is not None and job.phase is JobPhase.QUEUED


def _finished(run: Run, plan: Plan | None, _around: Circumstances) -> Explanation:
    took = span((run.ended_at - run.started_at).total_seconds()) if run.ended_at and run.started_at else ""
    evidence = {"took": took} if took else {}
    if run.result is Result.SUCCESS:
        return _succeeded(run, plan, evidence)
    if run.result is Result.STOPPED:
        reason = run.reason or "it was stopped"
        return Explanation(
            code="stopped", sentence=sentence("stopped", reason), evidence=evidence | {"reason": reason}
        )
    failures = _failures(run, plan)
    reason = "; ".join(filter(None, [failures, run.reason])) or "it has failed"
    return Explanation(
        code="failed" if failures or not run.stopping else "timed_out",
        sentence=f"failed: {reason}",
        evidence=evidence | {"reason": reason},
    )


def _succeeded(run: Run, plan: Plan | None, evidence: dict[str, str]) -> Explanation:
    within = f" in {evidence['took']}" if "took" in evidence else ""
    planned = {task.name: task for task in (plan.tasks if plan else ())}
    ignored = [task for task in run.tasks if warnings(planned[task.name], task)]
    if not ignored:
        return Explanation(
            code="succeeded", sentence=f"succeeded{within}: no task failed it", evidence=evidence
        )
    count = sum(warnings(planned[task.name], task) for task in ignored)
    first = ignored[0]
    how = "succeeded in spite of steps that failed"
    if is_warning(planned[first.name], first):
        how = failure(first, planned[first.name])
    said = "1 warning" if count == 1 else f"{count} warnings"
    return Explanation(
        code="succeeded_with_warnings",
        sentence=f"succeeded{within} with {said}: `{first.name}` {how}",
        evidence=evidence | {"warnings": str(count), "tasks": ", ".join(task.name for task in ignored)},
    )


def _failures(run: Run, plan: Plan | None) -> str:
    """The tasks that failed the run, and how the first of them did; "" when none has."""
    planned = {task.name: task for task in (plan.tasks if plan else ())}
    failed = [
        task
        for task in run.tasks
        if task.status in (Status.FAILED, Status.LOST) and not planned[task.name].ignore_failure
    ]
    if not failed:
        return ""
    more = f", and {len(failed) - 1} more failed" if len(failed) > 1 else ""
    return f"`{failed[0].name}` {failure(failed[0], planned[failed[0].name])}{more}"


def _names(tasks: list[RunTask]) -> str:
    names = [f"`{task.name}`" for task in tasks[:_MOST_NAMED]]
    rest = len(tasks) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "") if names else "nothing"


_EXPLAINED: dict[Phase, Callable[[Run, Plan | None, Circumstances], Explanation]] = {
    Phase.SETUP_ERROR: _setup_error,
    Phase.QUEUED: _queued,
    Phase.CANCELLED: _cancelled,
    Phase.RUNNING: _running,
    Phase.FINISHED: _finished,
}
