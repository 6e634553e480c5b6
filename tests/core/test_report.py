"""Reports of executors: what they may change, and what late or repeated ones may not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tidemill.core.job import JobId, JobPhase, JobReport, Outcome
from tidemill.core.report import apply_report, lose
from tidemill.core.run import RunTask, Status, StepPhase, StepState, TaskId

NOW = datetime(2025, 1, 1, tzinfo=UTC)
TASK = RunTask(id=TaskId("t"), name="t", steps=(StepState(), StepState()))


def step(phase: str, code: int | None = None) -> StepState:
    return StepState(phase=StepPhase(phase), exit_code=code)


def report(phase: JobPhase, outcome: Outcome | None = None, *steps: StepState, **fields: object) -> JobReport:
    made = JobReport(id=JobId("j"), generation=1, phase=phase, outcome=outcome, steps=steps)
    return replace(made, **fields)


RUNNING = report(JobPhase.RUNNING, None, step("running"), step("notstarted"), started_at=NOW)
DONE = report(JobPhase.ENDED, Outcome.SUCCESS, step("success", 0), step("success", 0), started_at=NOW)
FAILED = report(JobPhase.ENDED, Outcome.FAILED, step("failed", 1), step("notstarted"), started_at=NOW)
STOPPED = report(JobPhase.ENDED, Outcome.STOPPED, step("stopped"), step("notstarted"), started_at=NOW)
NEVER_BEGAN = report(JobPhase.ENDED, Outcome.STOPPED)


@pytest.mark.parametrize(
    ("status", "given_report", "expected"),
    [
        ("notstarted", report(JobPhase.CLAIMED), "notstarted"),
        ("notstarted", report(JobPhase.ACCEPTED), "notstarted"),
        ("running", report(JobPhase.ACCEPTED), "running"),
        *[(status, RUNNING, "running") for status in ("notstarted", "running")],
        *[(status, DONE, "success") for status in ("notstarted", "running")],
        *[(status, FAILED, "failed") for status in ("notstarted", "running")],
        *[(status, STOPPED, "stopped") for status in ("notstarted", "running")],
        ("notstarted", NEVER_BEGAN, "cancelled"),
        ("running", NEVER_BEGAN, "stopped"),
        ("running", report(JobPhase.ENDED), "failed"),
        *[
            (status, late, status)
            for status in ("cancelled", "stopped", "success", "failed", "lost", "skipped")
            for late in (RUNNING, DONE, FAILED, STOPPED, NEVER_BEGAN)
        ],
    ],
)
def test_what_a_report_makes_of_a_task(status: str, given_report: JobReport, expected: str) -> None:
    """The table of the reference (6.7); what has ended stays as it ended."""
    assert apply_report(replace(TASK, status=Status(status)), given_report, NOW).status == expected


def test_a_task_that_ended_is_not_touched_at_all() -> None:
    """A late report changes neither steps nor times nor reason."""
    ended = apply_report(TASK, FAILED, NOW)
    assert apply_report(ended, replace(DONE, reason="late"), NOW + timedelta(hours=1)) == ended


def test_times_are_the_executor_s_or_else_ours() -> None:
    """A report without times still leaves a task with a start and an end."""
    earlier = NOW - timedelta(minutes=1)
    started = apply_report(TASK, replace(RUNNING, started_at=None), NOW)
    assert started.started_at == NOW
    ended = apply_report(started, replace(DONE, started_at=earlier, ended_at=None), NOW)
    assert (ended.started_at, ended.ended_at) == (earlier, NOW)
    assert apply_report(TASK, replace(RUNNING, started_at=earlier), NOW).started_at == earlier


def test_no_task_ends_before_it_has_started() -> None:
    """Not even where only its end is told by an executor whose clock is behind ours."""
    earlier = NOW - timedelta(minutes=1)
    started = apply_report(TASK, replace(RUNNING, started_at=None), NOW)
    ended = apply_report(started, replace(DONE, started_at=None, ended_at=earlier), NOW)
    assert (ended.started_at, ended.ended_at) == (earlier, earlier)


def test_a_timeout_is_told() -> None:
    """The task failed, and says by what."""
    task = apply_report(TASK, replace(FAILED, timed_out=True, reason="took longer than 10 s"), NOW)
    assert (task.status, task.timed_out, task.reason) == (Status.FAILED, True, "took longer than 10 s")


def test_losing_a_task_ends_its_running_step() -> None:
    """Whoever follows the step's log is not left waiting; what had ended or not begun stays so."""
    half = report(JobPhase.RUNNING, None, step("success", 0), step("running"), setup=step("success"))
    lost = lose(apply_report(TASK, half, NOW), "executor e1 went silent", NOW)
    assert (lost.status, lost.reason, lost.ended_at) == (Status.LOST, "executor e1 went silent", NOW)
    assert [s.phase for s in lost.steps] == ["success", "failed"]
    assert lost.steps[1].ended_at == NOW
    assert lose(apply_report(TASK, DONE, NOW), "late", NOW).status is Status.SUCCESS
    assert [s.phase for s in lose(TASK, "gone", NOW).steps] == ["notstarted", "notstarted"]


def test_a_final_report_leaves_no_step_running() -> None:
    """A report that forgot to end its step is closed as the task was."""
    report_ = report(JobPhase.ENDED, Outcome.STOPPED, step("running"), step("notstarted"))
    assert [s.phase for s in apply_report(TASK, report_, NOW).steps] == ["stopped", "notstarted"]


@pytest.mark.parametrize("phase", [JobPhase.RUNNING, JobPhase.ENDED])
def test_steps_that_the_task_does_not_have_are_nobody_s(phase: JobPhase) -> None:
    """A report with more of them is kept as far as it is about this task."""
    three = report(phase, Outcome.SUCCESS, step("success", 0), step("success", 0), step("failed", 1))
    assert apply_report(TASK, three, NOW).steps == three.steps[:2]
    assert apply_report(replace(TASK, steps=()), three, NOW).steps == ()


HISTORY = [
    report(JobPhase.ACCEPTED),
    report(JobPhase.RUNNING, None, setup=step("running"), started_at=NOW),
    report(JobPhase.RUNNING, None, step("running"), setup=step("success"), started_at=NOW),
    report(
        JobPhase.RUNNING, None, step("success", 0), step("running"), setup=step("success"), started_at=NOW
    ),
    report(
        JobPhase.ENDED,
        Outcome.FAILED,
        step("success", 0),
        step("failed", 3),
        setup=step("success"),
        started_at=NOW,
        ended_at=NOW,
    ),
]


@given(st.lists(st.sampled_from(HISTORY), max_size=8), st.lists(st.sampled_from(HISTORY), max_size=8))
def test_lost_repeated_and_shuffled_reports_lead_to_the_same_end(
    before: list[JobReport], after: list[JobReport]
) -> None:
    """Any subset of the reports, in any order, each any number of times, around the last one."""
    task = TASK
    progress = (0, 0)
    for each in [*before, HISTORY[-1], *after]:
        task = apply_report(task, each, NOW)
        now = (
            sum(s.phase != "notstarted" for s in task.steps),
            sum(s.ended_at is not None for s in task.steps),
        )
        assert now >= progress
        progress = now
    expected = TASK
    for each in HISTORY:
        expected = apply_report(expected, each, NOW)
    assert task == expected
