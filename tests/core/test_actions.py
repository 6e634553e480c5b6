"""What may be done to a run, and how everything else is refused."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tidemill.core.actions import approve, ask_stop, cancel, create, start
from tidemill.core.plan import Plan, PlanTask, RunStep
from tidemill.core.run import Phase, Run, RunId, RunTask, Status, TaskId
from tidemill.errors import BadRequest, Conflict, Failure, NotFound

NOW = datetime(2025, 1, 1, tzinfo=UTC)
RUN = Run(id=RunId("r"), name="r", group="/g", number=7, created_at=NOW)


def test_a_new_run_is_queued_with_the_tasks_of_its_plan() -> None:
    """Ids come in the plan's order; a task whose `when` did not match is skipped from the start."""
    step = RunStep(name="s", command="s")
    plan = Plan(name="r", tasks=(PlanTask(name="a", steps=(step, step)), PlanTask(name="b", skip=True)))
    run = create(RUN, plan, [TaskId("1"), TaskId("2")])
    assert run.phase is Phase.QUEUED
    assert [(t.id, t.name, t.status, len(t.steps)) for t in run.tasks] == [
        ("1", "a", Status.NOT_STARTED, 2),
        ("2", "b", Status.SKIPPED, 0),
    ]


def test_a_run_with_setup_errors_is_over_at_once() -> None:
    """It has no tasks and is never queued."""
    run = create(replace(RUN, setup_errors=("bad",)), None, [])
    assert (run.phase, run.tasks) == (Phase.SETUP_ERROR, ())
    assert run.phase.is_final


def test_starting_and_cancelling_need_a_queued_run() -> None:
    """Both are refused with a conflict for a run in any other phase."""
    assert start(RUN, NOW).started_at == NOW
    assert cancel(RUN, "by bob", NOW).reason == "by bob"
    for phase in set(Phase) - {Phase.QUEUED}:
        for refused in (lambda run: start(run, NOW), lambda run: cancel(run, "", NOW)):
            with pytest.raises(Conflict) as caught:
                refused(replace(RUN, phase=phase))
            assert caught.value.code == "runNotQueued"


def test_stopping_needs_a_running_run() -> None:
    """Asking twice keeps the first reason."""
    running = replace(RUN, phase=Phase.RUNNING)
    stopping = ask_stop(ask_stop(running, "by bob"), "by eve")
    assert stopping.stopping
    assert stopping.reason == "by bob"
    for phase in set(Phase) - {Phase.RUNNING}:
        with pytest.raises(Conflict) as caught:
            ask_stop(replace(RUN, phase=phase), "")
        assert caught.value.code == "runNotRunning"


@pytest.mark.parametrize(
    ("task", "failure", "code"),
    [
        (RunTask(id=TaskId("other"), name="a"), NotFound, "runTaskDoesNotExist"),
        (RunTask(id=TaskId("1"), name="a"), BadRequest, "runTaskNotWaitingApproval"),
        (RunTask(id=TaskId("1"), name="a", approved=True), BadRequest, "runTaskAlreadyApproved"),
    ],
)
def test_only_a_waiting_task_is_approved(task: RunTask, failure: type[Failure], code: str) -> None:
    """Everything else is refused with its own code."""
    with pytest.raises(failure) as caught:
        approve(replace(RUN, tasks=(task,)), TaskId("1"))
    assert caught.value.code == code


def test_approving_lets_a_task_go() -> None:
    """It waits no more, and a second approval is refused."""
    waiting = RunTask(id=TaskId("1"), name="a", waiting_approval=True)
    run = approve(replace(RUN, tasks=(waiting, RunTask(id=TaskId("2"), name="b"))), TaskId("1"))
    assert [(t.approved, t.waiting_approval) for t in run.tasks] == [(True, False), (False, False)]
    with pytest.raises(BadRequest):
        approve(run, TaskId("1"))
