"""Restarting a run, by the table of the reference (11.7)."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tidemill.core.plan import Depend, Plan, PlanTask
from tidemill.core.restart import Fresh, can_restart_from_failed, can_restart_from_start, recreate
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, TaskId
from tidemill.errors import BadRequest

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LATER = datetime(2025, 1, 2, tzinfo=UTC)


def planned(name: str, *depends: str, skip: bool = False) -> PlanTask:
    return PlanTask(name=name, depends=tuple(Depend(task=d) for d in depends), skip=skip)


PLAN = Plan(
    name="r", tasks=(planned("1"), planned("2", "1"), planned("3"), planned("4"), planned("5", "3", "4"))
)
FRESH = Fresh(id=RunId("new"), number=2, task_ids=tuple(TaskId(f"new-{n}") for n in range(1, 6)), now=LATER)


def over(states: list[str], result: Result = Result.FAILED) -> Run:
    """A run that is over, its tasks in these states."""
    return Run(
        id=RunId("old"),
        name="r",
        group="/g",
        number=1,
        phase=Phase.FINISHED,
        result=result,
        stopping=True,
        reason="by bob",
        annotations={"a": "b"},
        scope="s",
        tasks=tuple(
            RunTask(id=TaskId(f"old-{t.name}"), name=t.name, status=Status(s), started_at=NOW)
            for t, s in zip(PLAN.tasks, states, strict=True)
        ),
        created_at=NOW,
        started_at=NOW,
        ended_at=NOW,
        revision=9,
    )


@pytest.mark.parametrize(
    ("states", "from_start", "fresh"),
    [
        (["notstarted"] * 5, True, "12345"),
        (["notstarted"] * 5, False, "12345"),
        (["failed"] + ["success"] * 4, True, "12345"),
        (["failed"] + ["success"] * 4, False, "12"),
        (["success"] * 4 + ["skipped"], False, "5"),
        (["success", "success", "lost", "success", "skipped"], False, "35"),
        (["success", "stopped", "success", "success", "cancelled"], False, "25"),
    ],
)
def test_which_tasks_are_made_anew(states: list[str], from_start: bool, fresh: str) -> None:
    """All from the start; else what did not succeed and all that depends on it."""
    run = recreate(over(states), PLAN, FRESH, from_start=from_start)
    assert "".join(t.name for t in run.tasks if t.id.startswith("new-")) == fresh
    for task in run.tasks:
        if task.id.startswith("new-"):
            assert (task.status, task.started_at) == (Status.NOT_STARTED, None)
        else:
            assert (task.id, task.status, task.started_at) == (f"old-{task.name}", Status.SUCCESS, NOW)


def test_the_new_run_begins_at_the_beginning() -> None:
    """Phase, result, stop and times are new; group, annotations and scope are the old run's."""
    run = recreate(over(["failed"] * 5), PLAN, FRESH, from_start=False)
    assert (run.id, run.number, run.phase, run.result) == ("new", 2, Phase.QUEUED, Result.UNKNOWN)
    assert (run.stopping, run.reason, run.started_at, run.ended_at, run.revision) == (
        False,
        "",
        None,
        None,
        0,
    )
    assert (run.created_at, run.group, run.annotations, run.scope) == (LATER, "/g", {"a": "b"}, "s")
    assert (run.restarted_from, over(["failed"] * 5).restarted_from) == (1, None)


def test_a_task_that_the_plan_skips_stays_skipped() -> None:
    """Its `when` is not asked again."""
    plan = replace(PLAN, tasks=(planned("1", skip=True), *PLAN.tasks[1:]))
    run = recreate(over(["skipped"] * 5), plan, FRESH, from_start=True)
    assert run.tasks[0].status is Status.SKIPPED


@pytest.mark.parametrize(
    ("phase", "result", "from_start", "from_failed"),
    [
        (Phase.SETUP_ERROR, Result.UNKNOWN, False, False),
        (Phase.QUEUED, Result.UNKNOWN, False, False),
        (Phase.RUNNING, Result.FAILED, False, False),
        (Phase.CANCELLED, Result.UNKNOWN, True, True),
        (Phase.FINISHED, Result.SUCCESS, True, False),
        (Phase.FINISHED, Result.STOPPED, True, True),
    ],
)
def test_what_can_be_restarted(phase: Phase, result: Result, from_start: bool, from_failed: bool) -> None:
    """Only runs that are over; a successful one only whole. The rest is refused with a reason."""
    run = replace(over(["success"] * 5, result), phase=phase)
    assert can_restart_from_start(run) == from_start
    assert can_restart_from_failed(run) == from_failed
    for whole, allowed in ((True, from_start), (False, from_failed)):
        if not allowed:
            with pytest.raises(BadRequest) as caught:
                recreate(run, PLAN, FRESH, from_start=whole)
            assert caught.value.code == "runCannotBeRestarted"
