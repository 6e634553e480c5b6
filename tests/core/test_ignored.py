"""Warnings: failures of tasks and of steps that are ignored."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tidemill.core.advance import advance
from tidemill.core.ignored import is_step_warning, is_warning, warnings
from tidemill.core.plan import Depend, Plan, PlanTask, RunStep
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, StepPhase, StepState, TaskId

NOW = datetime(2025, 1, 1, tzinfo=UTC)
STRICT, LENIENT = RunStep(command="a"), RunStep(command="b", ignore_failure=True)
FAILED = StepState(phase=StepPhase.FAILED, exit_code=3)


def task(status: Status, *steps: StepState, name: str = "t") -> RunTask:
    return RunTask(id=TaskId(name), name=name, status=status, steps=steps)


@pytest.mark.parametrize("status", Status)
def test_a_task_that_has_failed_is_a_warning_where_that_is_ignored(status: Status) -> None:
    """A lost task too; in every other state it is what it is."""
    lenient, strict = PlanTask(name="t", ignore_failure=True), PlanTask(name="t")
    assert is_warning(lenient, task(status)) == (status in (Status.FAILED, Status.LOST))
    assert not is_warning(strict, task(status))


@pytest.mark.parametrize("phase", StepPhase)
def test_a_step_that_has_failed_is_a_warning_where_that_is_ignored(phase: StepPhase) -> None:
    """By exit code or for a reason; one that was cut off with its task has not failed itself."""
    failed = phase is StepPhase.FAILED
    assert is_step_warning(LENIENT, StepState(phase=phase, exit_code=3)) == failed
    assert is_step_warning(LENIENT, StepState(phase=phase, reason="timed out after 5 s")) == failed
    assert not is_step_warning(LENIENT, StepState(phase=phase))
    assert not is_step_warning(STRICT, StepState(phase=phase, exit_code=3))


def test_warnings_are_counted_by_task() -> None:
    """Its own and those of its steps; steps that were never told of are none."""
    planned = PlanTask(name="t", steps=(LENIENT, LENIENT, STRICT), ignore_failure=True)
    assert warnings(planned, task(Status.FAILED, FAILED, FAILED, FAILED)) == 3
    assert warnings(planned, task(Status.SUCCESS, FAILED)) == 1
    assert warnings(planned, task(Status.LOST)) == 1


def test_a_run_counts_the_warnings_of_tasks_that_have_ended() -> None:
    """They do not change its result: it is a success with warnings."""
    plan = Plan(
        name="r",
        tasks=(
            PlanTask(name="lint", ignore_failure=True),
            PlanTask(name="unit", steps=(LENIENT,)),
            PlanTask(name="after", depends=(Depend(task="lint"),)),
        ),
    )
    run = Run(
        id=RunId("r"),
        name="r",
        group="/g",
        number=1,
        phase=Phase.RUNNING,
        created_at=NOW,
        tasks=(
            task(Status.FAILED, name="lint"),
            task(Status.RUNNING, FAILED, name="unit"),
            task(Status.NOT_STARTED, name="after"),
        ),
    )
    running = advance(run, plan, {TaskId("unit")}, NOW).run
    assert (running.warnings, running.result) == (1, Result.UNKNOWN)
    assert running.task(TaskId("after")).status is Status.SKIPPED
    ended = task(Status.SUCCESS, FAILED, name="unit")
    over = advance(replace(running, tasks=(running.tasks[0], ended, running.tasks[2])), plan, (), NOW).run
    assert (over.phase, over.result, over.warnings) == (Phase.FINISHED, Result.SUCCESS, 2)
