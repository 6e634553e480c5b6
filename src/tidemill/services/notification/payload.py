"""From a run to what webhooks are told of it, byte for byte as Agola writes it."""

from collections.abc import Iterator

from msgspec.structs import replace

from tidemill.contracts.run_webhook import (
    ProjectInfo,
    RunWebhook,
    WebhookDepend,
    WebhookRun,
    WebhookStep,
    WebhookTask,
)
from tidemill.core.plan import Plan, PlanTask
from tidemill.core.refs import group_owner
from tidemill.core.run import Phase, Result, Run, RunTask, Status, StepPhase, StepState
from tidemill.kit.go_json import encode, go_time
from tidemill.services.notification.store.outbox import Told

_UNPLANNED = PlanTask(name="")


def told_of(run: Run, plan: Plan | None) -> Iterator[Told]:
    """What is told when a run is in this state; nothing of a user's own runs.

    Agola's run has its result before it is finished, and that is told too. Ours may come to both in
    one step: then the state between them is told as it would have been.
    """
    project, _ = group_owner(run.group)
    if not project:
        return
    if run.phase is Phase.FINISHED and run.result is not Result.UNKNOWN:
        yield _told(replace(run, phase=Phase.RUNNING, ended_at=None), plan, project)
    yield _told(run, plan, project)


def _told(run: Run, plan: Plan | None, project: str) -> Told:
    return Told(
        project=project, run=run.id, phase=run.phase, result=run.result, payload=payload(run, plan, project)
    )


def payload(run: Run, plan: Plan | None, project: str) -> bytes:
    """The body; without a *plan* (the run has been removed meanwhile) tasks have no place in the graph."""
    planned = {task.name: task for task in (plan.tasks if plan else ())}
    ids: dict[str, str] = {task.name: task.id for task in run.tasks}
    tasks: dict[str, WebhookTask] = {
        task.id: _task(task, planned.get(task.name, _UNPLANNED), ids)
        for task in sorted(run.tasks, key=lambda task: task.id)
    }
    return encode(
        RunWebhook(
            project_info=ProjectInfo(project_id=project),
            run=WebhookRun(
                id=run.id,
                ref_type=run.annotations.get("ref_type", ""),
                ref=run.annotations.get("ref", ""),
                name=run.name,
                counter=run.number,
                phase=run.phase,
                result=run.result,
                setup_errors=run.setup_errors or None,
                tasks=tasks,
                enqueue_time=go_time(run.created_at),
                start_time=go_time(run.started_at),
                end_time=go_time(run.ended_at),
            ),
        )
    )


def _task(task: RunTask, planned: PlanTask, ids: dict[str, str]) -> WebhookTask:
    depends = {
        ids[one.task]: WebhookDepend(task_id=ids[one.task], conditions=one.conditions)
        for one in planned.depends
    }
    unreported = (StepState(),) * (len(planned.steps) - len(task.steps))
    return WebhookTask(
        id=task.id,
        name=task.name,
        level=planned.level,
        skip=planned.skip,
        depends=dict(sorted(depends.items())),
        status=Status.FAILED if task.status is Status.LOST else task.status,
        timedout=task.timed_out,
        waiting_approval=task.waiting_approval,
        approved=task.approved,
        setup_step=_step(task.setup),
        steps=tuple(_step(step) for step in task.steps + unreported),
        start_time=go_time(task.started_at),
        end_time=go_time(task.ended_at),
    )


def _step(step: StepState) -> WebhookStep:
    """The reference knows no skipped steps."""
    return WebhookStep(
        phase=StepPhase.NOT_STARTED if step.phase is StepPhase.SKIPPED else step.phase,
        exit_status=step.exit_code,
        start_time=go_time(step.started_at),
        end_time=go_time(step.ended_at),
    )
