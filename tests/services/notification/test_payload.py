"""What webhooks are told, as bytes: the vectors are the reference's (API 4.1), written by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tidemill.contracts.run_webhook import RunWebhook
from tidemill.core.plan import CloneStep, Depend, Plan, PlanTask, RunStep
from tidemill.core.run import (
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
from tidemill.kit.go_json import encode
from tidemill.services.notification.payload import payload, told_of

VECTORS = Path(__file__).parents[2] / "vectors" / "notification"
T0 = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)

PLAN = Plan(
    name="main",
    tasks=(
        PlanTask(
            name="build",
            steps=(
                CloneStep(),
                RunStep(name="make", command="make"),
                RunStep(name="always", command="true"),
                RunStep(name="last", command="true"),
            ),
        ),
        PlanTask(
            name="deploy",
            depends=(Depend(task="build", conditions=("on_success", "on_failure")),),
            level=1,
            skip=True,
        ),
    ),
)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


RUN = Run(
    id=RunId("r1"),
    name="main <fast>",
    group="/project/p1/branch/a&b",
    number=7,
    phase=Phase.FINISHED,
    result=Result.FAILED,
    annotations={"ref_type": "branch", "ref": "refs/heads/a&b"},
    tasks=(
        RunTask(
            id=TaskId("t2"),
            name="build",
            status=Status.LOST,
            timed_out=True,
            setup=StepState(phase=StepPhase.SUCCESS, started_at=at(1), ended_at=at(2)),
            steps=(
                StepState(phase=StepPhase.SUCCESS, exit_code=0, started_at=at(2), ended_at=at(2.5)),
                StepState(phase=StepPhase.FAILED, exit_code=137, started_at=at(2.5), ended_at=at(3.000001)),
                StepState(phase=StepPhase.SKIPPED),
            ),
            started_at=at(1),
            ended_at=at(3.12),
        ),
        RunTask(id=TaskId("t1"), name="deploy", status=Status.SKIPPED, approved=True),
    ),
    created_at=T0,
    started_at=at(0.12),
    ended_at=at(4),
)
BROKEN = Run(
    id=RunId("r2"),
    name="Setup Error",
    group="/project/p1/branch/main",
    number=8,
    phase=Phase.SETUP_ERROR,
    setup_errors=("line 3: ' is wrong",),
    created_at=T0,
)


@pytest.mark.parametrize(("name", "run", "plan"), [("run_webhook", RUN, PLAN), ("setup_error", BROKEN, None)])
def test_a_body_is_byte_for_byte_that_of_the_reference(name: str, run: Run, plan: Plan | None) -> None:
    """A receiver in Go reads it, writes it again, and compares the signature with that."""
    wanted = (VECTORS / f"{name}.json").read_bytes().rstrip(b"\n")
    made = payload(run, plan, "p1")
    assert made == wanted
    assert encode(msgspec.json.decode(made, type=RunWebhook)) == made


def states(run: Run) -> list[tuple[str, str, bool]]:
    """What is told of a run in this state: phase, result, and whether it has an end."""
    told = list(told_of(run, PLAN))
    assert {(one.project, one.run) for one in told} <= {("p1", "r1")}
    bodies = [msgspec.json.decode(one.payload, type=RunWebhook).run for one in told]
    assert [(one.phase, one.result) for one in told] == [(one.phase, one.result) for one in bodies]
    return [(one.phase, one.result, one.end_time is not None) for one in bodies]


def test_a_run_that_has_ended_is_told_with_the_state_before() -> None:
    """Agola's has its result while it is running; a cancelled one and a broken one have none."""
    assert states(RUN) == [("running", "failed", False), ("finished", "failed", True)]
    running = replace(RUN, phase=Phase.RUNNING, result=Result.UNKNOWN, ended_at=None)
    assert states(running) == [("running", "unknown", False)]
    assert states(replace(running, result=Result.STOPPED)) == [("running", "stopped", False)]
    assert states(replace(running, phase=Phase.CANCELLED, ended_at=at(1))) == [("cancelled", "unknown", True)]


def test_nothing_is_told_of_a_users_own_run() -> None:
    """Its group says whose it is."""
    assert list(told_of(replace(RUN, group="/user/u1/branch/main"), PLAN)) == []


def test_without_its_plan_a_run_is_told_as_far_as_it_is_known() -> None:
    """It was removed before anybody asked for the plan."""
    run = msgspec.json.decode(payload(RUN, None, "p1"), type=RunWebhook).run
    assert [(t.level, t.depends, len(t.steps)) for t in run.tasks.values()] == [(0, {}, 0), (0, {}, 3)]
