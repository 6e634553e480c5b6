"""Runs on the wire: every key in its place, times and numbers as Go writes them."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from msgspec.structs import replace

from tidemill.contracts.gateway.runs import AttemptResponse
from tidemill.contracts.runservice import RunDetail
from tidemill.core.plan import (
    CloneStep,
    Container,
    Depend,
    Plan,
    PlanTask,
    RestoreCache,
    RestoreWorkspace,
    RunStep,
    Runtime,
    SaveCache,
    SaveToWorkspace,
)
from tidemill.core.run import (
    Attempt,
    Phase,
    Result,
    Run,
    RunId,
    RunTask,
    Status,
    StepPhase,
    StepState,
    TaskId,
)
from tidemill.kit.go_json import encode, go_time
from tidemill.services.gateway.showing import listed_run, shown_run, shown_task

VECTORS = Path(__file__).parents[2] / "vectors" / "gateway"
T0 = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)

PLAN = Plan(
    name="main",
    tasks=(
        PlanTask(
            name="build",
            runtime=Runtime(type="pod", containers=(Container(image="debian"), Container(image="redis"))),
            steps=(
                CloneStep(),
                RunStep(name="make", command="make all"),
                RunStep(name="odd", command="x", shell="/bin/bash"),
            ),
            timeout=90.5,
        ),
        PlanTask(
            name="deploy",
            runtime=Runtime(type="host"),
            depends=(Depend(task="build", conditions=("on_success", "on_failure")),),
            level=1,
            approval=True,
        ),
    ),
)

RUN = Run(
    id=RunId("r1"),
    name="main",
    group="/project/p1/branch/main",
    number=7,
    phase=Phase.RUNNING,
    annotations={"ref": "refs/heads/main", "message": "a < b & c", "commit_sha": "0" * 40},
    tasks=(
        RunTask(
            id=TaskId("t2"),
            name="build",
            status=Status.LOST,
            reason="its executor went silent",
            setup=StepState(
                phase=StepPhase.SUCCESS,
                started_at=T0 + timedelta(seconds=1),
                ended_at=T0 + timedelta(seconds=2),
            ),
            steps=(
                StepState(phase=StepPhase.SUCCESS, exit_code=0, started_at=T0 + timedelta(seconds=2)),
                StepState(phase=StepPhase.RUNNING, started_at=T0 + timedelta(microseconds=2_500_000)),
            ),
            started_at=T0 + timedelta(seconds=1),
        ),
        RunTask(id=TaskId("t1"), name="deploy", waiting_approval=True, annotations={"approvers": '["u1"]'}),
    ),
    created_at=T0,
    started_at=T0 + timedelta(microseconds=120_000),
)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (T0, "2026-07-30T12:00:00Z"),
        (T0 + timedelta(microseconds=1), "2026-07-30T12:00:00.000001Z"),
        (T0 + timedelta(microseconds=120_000), "2026-07-30T12:00:00.12Z"),
        (datetime(2026, 7, 30, 14, 0, tzinfo=timezone(timedelta(hours=2))), "2026-07-30T12:00:00Z"),
        (datetime(5, 1, 2, tzinfo=UTC), "0005-01-02T00:00:00Z"),
    ],
)
def test_times_are_written_as_go_does(moment: datetime, text: str) -> None:
    """RFC 3339 in UTC, the fraction without trailing zeros."""
    assert go_time(moment) == text


@pytest.mark.parametrize(
    ("vector", "shown"),
    [
        ("run.json", shown_run(RUN, PLAN)),
        ("runs_item.json", listed_run(RUN)),
        ("task.json", shown_task(RUN.tasks[0], RunDetail(run=RUN, plan=PLAN))),
        (
            "setup_error.json",
            shown_run(
                Run(
                    id=RunId("r2"),
                    name="Setup Error",
                    group="/project/p1/branch/main",
                    number=8,
                    phase=Phase.SETUP_ERROR,
                    setup_errors=(".tidemill/config.yml:3:5: unknown key",),
                    created_at=T0,
                    ended_at=T0,
                ),
                None,
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bodies_are_exact(vector: str, shown: object) -> None:
    """Byte for byte as the vector says; a vector is written by hand, from the reference."""
    assert encode(shown) == (VECTORS / vector).read_bytes()


@pytest.mark.parametrize(
    ("phase", "result", "from_scratch", "from_failed"),
    [
        (Phase.QUEUED, Result.UNKNOWN, False, False),
        (Phase.RUNNING, Result.FAILED, False, False),
        (Phase.FINISHED, Result.SUCCESS, True, False),
        (Phase.FINISHED, Result.FAILED, True, True),
        (Phase.CANCELLED, Result.UNKNOWN, True, True),
        (Phase.SETUP_ERROR, Result.UNKNOWN, False, False),
    ],
)
def test_which_runs_can_be_restarted(
    phase: Phase, result: Result, from_scratch: bool, from_failed: bool
) -> None:
    """As the reference says of each phase and result."""
    run = Run(id=RunId("r"), name="n", group="g", number=1, phase=phase, result=result, created_at=T0)
    shown = shown_run(run, Plan(name="n"))
    assert shown.can_restart_from_scratch is from_scratch
    assert shown.can_restart_from_failed_tasks is from_failed


def test_logs_of_a_finished_task_count_as_archived() -> None:
    """Also those of steps that never ran: there is nothing to wait for."""
    task = RunTask(id=TaskId("t"), name="build", status=Status.CANCELLED)
    shown = shown_task(task, RunDetail(run=RUN, plan=PLAN))
    assert [step.log_archived for step in shown.steps] == [True, True, True]


def test_attempts_are_shown_only_where_there_are_more_than_one() -> None:
    """Both in the run and in the task: which it is, when the next may start, how those before ended."""
    task = RunTask(
        id=TaskId("t1"),
        name="build",
        attempt=2,
        not_before=T0,
        past=(
            Attempt(
                number=1,
                status=Status.LOST,
                reason="silent",
                steps=(StepState(), StepState(phase=StepPhase.FAILED, exit_code=4)),
                ended_at=T0,
            ),
        ),
    )
    run = replace(RUN, tasks=(task, RunTask(id=TaskId("t2"), name="deploy")))
    past = AttemptResponse(
        number=1,
        status="failed",
        timedout=False,
        start_time=None,
        end_time="2026-07-30T12:00:00Z",
        reason="silent",
        exit_status=4,
    )
    for shown in (shown_run(run, PLAN).tasks["t1"], shown_task(task, RunDetail(run=run, plan=PLAN))):
        assert (shown.attempt, shown.next_attempt_time) == (2, "2026-07-30T12:00:00Z")
        assert shown.past_attempts == (past,)
    assert b"attempt" not in encode(shown_run(RUN, PLAN))


def test_steps_that_move_files_have_the_references_names() -> None:
    """A type for each, a fixed name, and nothing that only commands have; a skipped one has not started."""
    steps = (SaveToWorkspace(name="mine"), RestoreWorkspace(), SaveCache(key="k"), RestoreCache(keys=("k",)))
    states = tuple(StepState(phase=StepPhase.SKIPPED) for _ in steps)
    plan = Plan(name="main", tasks=(PlanTask(name="build", steps=steps),))
    run = replace(RUN, tasks=(RunTask(id=TaskId("t1"), name="build", steps=states),))
    shown = shown_task(run.tasks[0], RunDetail(run=run, plan=plan)).steps
    assert [(step.type, step.name, step.shell, step.phase) for step in shown] == [
        ("save_to_workspace", "save to workspace", "", "notstarted"),
        ("restore_workspace", "restore workspace", "", "notstarted"),
        ("save_cache", "save cache", "", "notstarted"),
        ("restore_cache", "restore cache", "", "notstarted"),
    ]


def test_warnings_are_shown_only_where_there_are_some() -> None:
    """Of the run a count, also in lists; of tasks and steps whether they are one, beside the reference's status."""
    steps = (RunStep(command="a", ignore_failure=True), RunStep(command="b"))
    failed = StepState(phase=StepPhase.FAILED, exit_code=1)
    task = RunTask(id=TaskId("t1"), name="lint", status=Status.FAILED, steps=(failed, failed))
    plan = Plan(name="main", tasks=(PlanTask(name="lint", steps=steps, ignore_failure=True),))
    run = replace(RUN, tasks=(task,), warnings=2)
    assert listed_run(run).warnings == shown_run(run, plan).warnings == 2
    for shown in (shown_run(run, plan).tasks["t1"], shown_task(task, RunDetail(run=run, plan=plan))):
        assert (shown.status, shown.warning, shown.warnings) == ("failed", True, 2)
    assert [step.warning for step in shown_task(task, RunDetail(run=run, plan=plan)).steps] == [True, False]
    for without in (
        shown_run(RUN, PLAN),
        listed_run(RUN),
        shown_task(RUN.tasks[0], RunDetail(run=RUN, plan=PLAN)),
    ):
        assert b"warning" not in encode(without)
