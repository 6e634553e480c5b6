"""Explaining a run: what it waits for, what it is at, why it ended so."""

from collections.abc import Callable

from tidemill.core.explaining.nouns import Circumstances, Explanation, RunExplanation, TaskExplanation
from tidemill.core.explaining.steps import explain_steps
from tidemill.core.explaining.tasks import explain_task, failure
from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Result, Run, RunTask, Status
from tidemill.core.spans import span

_MOST_NAMED = 3


def explain(run: Run, plan: Plan | None, around: Circumstances) -> RunExplanation:
    """The run, its tasks and their steps, each explained."""
    planned = {task.name: task for task in (plan.tasks if plan else ())}
    return RunExplanation(
        run=_EXPLAINED[run.phase](run, plan, around),
        tasks=tuple(
            TaskExplanation(
                id=task.id,
                name=task.name,
                task=explain_task(run, task, planned, around),
                steps=explain_steps(task, planned[task.name], around.now),
            )
            for task in run.tasks
        ),
    )


def _setup_error(run: Run, _plan: Plan | None, _around: Circumstances) -> Explanation:
    first = run.setup_errors[0] if run.setup_errors else "its configuration could not be used"
    more = f" (and {len(run.setup_errors) - 1} more)" if len(run.setup_errors) > 1 else ""
    return Explanation(code="setup_error", sentence=f"no plan: {first}{more}", evidence={"error": first})


def _queued(_run: Run, _plan: Plan | None, around: Circumstances) -> Explanation:
    for one in around.ahead:
        evidence = {"run": str(one.number), "state": "running" if one.is_running else "queued"}
        if one.concurrency and one.is_running:
            evidence["concurrency"] = one.concurrency
            sentence = f"waiting: run #{one.number} of the concurrency group {one.concurrency} is running"
            return Explanation(code="waits_for_concurrency", sentence=sentence, evidence=evidence)
        if one.concurrency:
            evidence["concurrency"] = one.concurrency
            sentence = f"waiting: run #{one.number} is before it in the concurrency group {one.concurrency}"
            return Explanation(code="waits_for_its_turn", sentence=sentence, evidence=evidence)
        if one.is_running:
            sentence = f"waiting: run #{one.number} of the same group is running"
            return Explanation(code="waits_for_group", sentence=sentence, evidence=evidence)
        sentence = f"waiting: run #{one.number} of the same group is before it"
        return Explanation(code="waits_for_its_turn", sentence=sentence, evidence=evidence)
    return Explanation(code="starts_now", sentence="waiting: the scheduler is about to start it")


def _cancelled(run: Run, _plan: Plan | None, _around: Circumstances) -> Explanation:
    reason = run.reason or "it was cancelled before it started"
    return Explanation(code="cancelled", sentence=f"cancelled: {reason}", evidence={"reason": reason})


def _running(run: Run, plan: Plan | None, around: Circumstances) -> Explanation:
    at_work = [task for task in run.tasks if task.status is Status.RUNNING or task.id in around.jobs]
    waiting = [task for task in run.tasks if task.waiting_approval]
    counts = {"at work": str(len(at_work)), "waiting for approval": str(len(waiting))}
    if run.stopping:
        sentence = f"stopping: {run.reason or 'the run was stopped'}; waiting for {_names(at_work)}"
        return Explanation(code="stopping", sentence=sentence, evidence=counts | {"reason": run.reason})
    if run.result is Result.FAILED:
        sentence = f"failed: {_failures(run, plan)}; waiting for {_names(at_work)}"
        return Explanation(code="failing", sentence=sentence, evidence=counts)
    if waiting and not at_work:
        sentence = f"waiting: somebody must approve {_names(waiting)}"
        return Explanation(code="waits_for_approval", sentence=sentence, evidence=counts)
    to_come = sum(not task.status.is_final for task in run.tasks) - len(at_work)
    sentence = f"running: {_names(at_work)} at work, {to_come} to come"
    return Explanation(code="running", sentence=sentence, evidence=counts | {"to come": str(to_come)})


def _finished(run: Run, plan: Plan | None, _around: Circumstances) -> Explanation:
    took = span((run.ended_at - run.started_at).total_seconds()) if run.ended_at and run.started_at else ""
    evidence = {"took": took} if took else {}
    if run.result is Result.SUCCESS:
        within = f" in {took}" if took else ""
        return Explanation(
            code="succeeded", sentence=f"succeeded{within}: no task failed it", evidence=evidence
        )
    if run.result is Result.STOPPED:
        reason = run.reason or "it was stopped"
        return Explanation(
            code="stopped", sentence=f"stopped: {reason}", evidence=evidence | {"reason": reason}
        )
    reason = run.reason if run.stopping and run.reason else _failures(run, plan)
    return Explanation(code="failed", sentence=f"failed: {reason}", evidence=evidence | {"reason": reason})


def _failures(run: Run, plan: Plan | None) -> str:
    """The tasks that failed the run, and how the first of them did."""
    planned = {task.name: task for task in (plan.tasks if plan else ())}
    failed = [
        task
        for task in run.tasks
        if task.status in (Status.FAILED, Status.LOST) and not planned[task.name].ignore_failure
    ]
    if not failed:
        return run.reason or "it has failed"
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
