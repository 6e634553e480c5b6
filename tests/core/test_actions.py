"""What may be done to a run, and how everything else is refused."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tidemill.core.actions import approve, ask_stop, cancel, create, start
from tidemill.core.plan import Plan, PlanTask, RunStep
from tidemill.core.run import Phase, Run, RunId, RunTask, Status, TaskId
from tidemill.errors import BadRequest, Conflict, NotFound

NOW = datetime(2025, 1, 1, tzinfo=UTC)
RUN = Run(id=RunId("r"), name="r", group="/g", number=7, created_at=NOW)


def test_a_new_run_is_queued_with_the_tasks_of_its_plan() -> None:
    """Ids come in the plan's order; a task whose `when` did not match is skipped from the start."""
    step = RunStep(name="s", command="s")
    skipped = PlanTask(name="b", skip=True, skip_reason="`when` says so")
    plan = Plan(name="r", tasks=(PlanTask(name="a", steps=(step, step)), skipped))
    run = create(RUN, plan, [TaskId("1"), TaskId("2")])
    assert run.phase is Phase.QUEUED
    assert [(t.id, t.name, t.status, len(t.steps)) for t in run.tasks] == [
        ("1", "a", Status.NOT_STARTED, 2),
        ("2", "b", Status.SKIPPED, 0),
    ]
    assert run.tasks[1].reason == "`when` says so"


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


def test_a_task_is_approved_by_somebody() -> None:
    """Each approver is recorded once, in order, as the JSON array that the reference shows."""
    task = RunTask(id=TaskId("1"), name="a", annotations={"other": "x"})
    queued = replace(RUN, tasks=(task, RunTask(id=TaskId("2"), name="b")))
    run = approve(approve(queued, TaskId("1"), "alice"), TaskId("1"), "bob")
    assert run.tasks[0].approvers == ("alice", "bob")
    assert run.tasks[0].annotations == {"other": "x", "approvers": '["alice","bob"]'}
    assert run.tasks[1].approvers == ()
    with pytest.raises(BadRequest, match="you have approved task 'a' already") as caught:
        approve(run, TaskId("1"), "bob")
    assert caught.value.code == "badRequest"


def test_what_has_started_is_approved_no_more() -> None:
    """Nor what never will, nor what does not exist."""
    task = RunTask(id=TaskId("1"), name="a")
    over = replace(RUN, phase=Phase.CANCELLED, tasks=(task,))
    begun = replace(RUN, phase=Phase.RUNNING, tasks=(replace(task, status=Status.RUNNING),))
    for run in (over, begun):
        with pytest.raises(BadRequest) as caught:
            approve(run, TaskId("1"), "bob")
        assert caught.value.code == "runTaskNotWaitingApproval"
    with pytest.raises(NotFound) as missing:
        approve(begun, TaskId("other"), "bob")
    assert missing.value.code == "runTaskDoesNotExist"
