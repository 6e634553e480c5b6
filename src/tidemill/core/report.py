"""What an executor reports becomes the state of a task; nothing that has ended ever changes again.

Reports are whole snapshots that may come late, twice, out of order, or not at all: each field only
moves forward, so that any subset of them in any order leads to the same end (reference 6.7, 6.8).
"""

from datetime import datetime
from itertools import zip_longest

from msgspec.structs import replace

from tidemill.core.job import JobPhase, JobReport, Outcome, attempt_of
from tidemill.core.run import RunTask, Status, StepPhase, StepState

_ENDINGS = {
    Outcome.SUCCESS: Status.SUCCESS,
    Outcome.FAILED: Status.FAILED,
    Outcome.STOPPED: Status.STOPPED,
}


def apply_report(task: RunTask, report: JobReport, now: datetime) -> RunTask:
    """The state of *task* after *report*; unchanged when it, or that attempt of it, has ended before.

    Steps that the task does not have are nobody's, and are not kept.
    """
    if task.status.is_final or attempt_of(report.generation) != task.attempt:
        return task
    task = replace(
        task,
        setup=_later(task.setup, report.setup),
        steps=tuple(
            _later(mine, theirs)
            for mine, theirs in zip_longest(
                task.steps, report.steps[: len(task.steps)], fillvalue=StepState()
            )
        ),
    )
    if report.phase is JobPhase.ENDED:
        return _end(task, report, now)
    if report.phase is JobPhase.RUNNING:
        started_at = report.started_at or task.started_at or now
        return replace(task, status=Status.RUNNING, started_at=started_at)
    return task


def lose(task: RunTask, reason: str, now: datetime) -> RunTask:
    """The state of *task* after its executor has gone silent; unchanged when it has ended before."""
    if task.status.is_final:
        return task
    return _close(replace(task, status=Status.LOST, reason=reason, ended_at=now), StepPhase.FAILED)


def give_up(task: RunTask, reason: str, now: datetime) -> RunTask:
    """The state of *task* after nobody could begin it for too long; unchanged when it has ended before."""
    if task.status.is_final:
        return task
    return replace(task, status=Status.FAILED, reason=reason, ended_at=now)


def _end(task: RunTask, report: JobReport, now: datetime) -> RunTask:
    outcome = report.outcome or Outcome.FAILED
    status = _ENDINGS[outcome]
    started_at, ended_at = report.started_at or task.started_at, report.ended_at or now
    if outcome is Outcome.STOPPED and not _has_begun(task, report):
        status = Status.CANCELLED
    return _close(
        replace(
            task,
            status=status,
            reason=report.reason or _reason(task, report),
            timed_out=report.timed_out,
            # Where only one of them is the executor's, its clock may be behind ours.
            started_at=min(started_at, ended_at) if started_at else None,
            ended_at=ended_at,
        ),
        StepPhase.STOPPED if outcome is Outcome.STOPPED else StepPhase.FAILED,
    )


def _reason(task: RunTask, report: JobReport) -> str:
    """Why the task ended, where the executor does not say it: it was told to stop, and the task knows why."""
    if report.outcome is None:
        return "the executor did not say how it ended"
    return task.reason if report.outcome is Outcome.STOPPED else ""


def _has_begun(task: RunTask, report: JobReport) -> bool:
    begun = task.setup.phase is not StepPhase.NOT_STARTED
    return begun or task.status is Status.RUNNING or report.started_at is not None


def _later(mine: StepState, theirs: StepState) -> StepState:
    """Whichever of two states of one step is further; what has ended stays as it was."""
    return theirs if _progress(theirs) > _progress(mine) else mine


def _progress(step: StepState) -> int:
    return {StepPhase.NOT_STARTED: 0, StepPhase.RUNNING: 1}.get(step.phase, 2)


def _close(task: RunTask, phase: StepPhase) -> RunTask:
    """End the steps that were running when the task ended; those not begun stay so."""

    def closed(step: StepState) -> StepState:
        if step.phase is not StepPhase.RUNNING:
            return step
        return replace(step, phase=phase, ended_at=task.ended_at)

    return replace(task, setup=closed(task.setup), steps=tuple(map(closed, task.steps)))
