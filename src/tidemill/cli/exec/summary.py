"""What a run that has happened here comes to: each task with its time, failures with their last lines."""

import shutil
from collections.abc import Iterator, Mapping

from tidemill.cli.exec.local_logs import LocalLog
from tidemill.cli.exec.shown import noted, shown_status
from tidemill.cli.failed_tests import failed_lines
from tidemill.cli.live import MARKS, with_warnings
from tidemill.cli.output import duration, inert
from tidemill.core.plan import Plan, PlanTask
from tidemill.core.reports import Reported
from tidemill.core.run import Run, RunTask, Status, StepPhase, TaskId

_LAST_LINES = 10
_MOST_FAILED = 20
_BESIDE = 32
"""Columns for all that stands beside a task's name."""
_SETUP = -1


def summary(run: Run, plan: Plan, logs: Mapping[TaskId, LocalLog]) -> Iterator[str]:
    """Lines for people."""
    planned = {task.name: task for task in plan.tasks}
    longest = max((len(task.name) for task in run.tasks), default=0)
    width = min(longest, max(0, shutil.get_terminal_size().columns - _BESIDE))
    for task in run.tasks:
        status = shown_status(planned[task.name], task)
        mark, _ = MARKS.get(status, ("?", ""))
        took = duration(task.started_at, task.ended_at) if task.ended_at else ""
        note = noted(planned[task.name], task)
        line = f"{mark} {task.name.ljust(width)}  {status.ljust(10)} {took.rjust(8)}  {note}"
        yield line.rstrip()
    for task in run.tasks:
        if task.status in (Status.FAILED, Status.LOST) and task.id in logs:
            yield ""
            yield from _failure(task, planned[task.name], logs[task.id])
    took = duration(run.started_at, run.ended_at)
    yield ""
    verdict = run.result if run.result != "unknown" else run.phase
    yield f"run {run.name!r}: {with_warnings(verdict, run.warnings)} in {took}"


def _failure(task: RunTask, planned: PlanTask, log: LocalLog) -> Iterator[str]:
    both = enumerate(zip(planned.steps, task.steps, strict=False))
    failed = (i for i, (step, state) in both if state.phase is StepPhase.FAILED and not step.ignore_failure)
    index = next(failed, _SETUP)
    if index == _SETUP:
        what = "its setup failed"
    else:
        step, state = planned.steps[index], task.steps[index]
        code = f" with exit code {state.exit_code}" if state.exit_code is not None else ""
        what = f"step {index + 1} {step.name or step.__struct_config__.tag!r} failed{code}"
    yield f"{task.name}: {what}; its last lines:"
    yield from (f"  {inert(line)}" for line in log.last_lines(index, _LAST_LINES))


def tests_of(run: Run, reported: Mapping[TaskId, Mapping[int, Reported]]) -> Iterator[str]:
    """What test reports have said of the latest attempts: totals, and each test that failed."""
    for task in run.tasks:
        for found in reported.get(task.id, {}).values():
            yield ""
            yield f"{task.name}: {found.tests:,} tests, {found.bad:,} failed, {found.skipped:,} skipped"
            for case in found.failed[:_MOST_FAILED]:
                names = (case.classname or case.suite, case.name)
                yield from failed_lines(task.name, names, case.message, case.text)
            if found.bad > _MOST_FAILED:
                yield f"… and {found.bad - _MOST_FAILED:,} more failed"
