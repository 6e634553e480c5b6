"""Restarting chosen tasks: on the reference's graph, and on any."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.core.test_restart import FRESH, PLAN, over
from tidemill.core.actions import start
from tidemill.core.advance import advance
from tidemill.core.graph import descendants
from tidemill.core.plan import Depend, Plan, PlanTask, RestoreWorkspace, RunStep, SaveToWorkspace, Step
from tidemill.core.restart import Fresh, missing_archives, recreate
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, StepPhase, StepState, TaskId
from tidemill.errors import BadRequest

NOW = datetime(2025, 1, 1, tzinfo=UTC)
SUCCEEDED = ["success"] * 5
ENDS = [status for status in Status if status.is_final]


def done_again(run: Run) -> str:
    return "".join(task.name for task in run.tasks if task.id.startswith("new-"))


@pytest.mark.parametrize(
    ("states", "chosen", "again"),
    [
        (SUCCEEDED, ["1"], "12"),
        (SUCCEEDED, ["old-1"], "12"),
        (SUCCEEDED, ["2"], "2"),
        (SUCCEEDED, ["3", "2", "3"], "235"),
        (["failed", "skipped", "success", "success", "success"], ["1"], "12"),
        (["success", "failed", "success", "success", "failed"], ["2", "5"], "25"),
    ],
)
def test_the_chosen_and_what_depends_on_them_are_done_again(
    states: list[str], chosen: list[str], again: str
) -> None:
    """By name or id, each once; the others are kept, also of a run that has succeeded."""
    run = recreate(over(states, Result.SUCCESS), PLAN, FRESH, from_start=False, chosen=chosen)
    assert done_again(run) == again
    for task in run.tasks:
        assert task.status is (Status.NOT_STARTED if task.name in again else Status.SUCCESS)


@pytest.mark.parametrize(
    ("states", "chosen", "code", "says"),
    [
        (SUCCEEDED, ["6"], "runTaskDoesNotExist", "run 1 has no task '6'; there is 1, 2, 3, 4, 5"),
        (SUCCEEDED, ["old-11"], "runTaskDoesNotExist", "run 1 has no task 'old-11'; there is "),
        (
            ["failed", "skipped", "success", "lost", "skipped"],
            ["1"],
            "runCannotBeRestarted",
            "only what succeeded can be kept of run 1: choose '4' (lost) too",
        ),
        (
            ["success", "cancelled", "stopped", "success", "skipped"],
            ["1"],
            "runCannotBeRestarted",
            "choose '3' (stopped) too",
        ),
    ],
)
def test_what_cannot_be_chosen_is_refused(states: list[str], chosen: list[str], code: str, says: str) -> None:
    """What is not in the run, and to keep what never succeeded: the answer says what to choose."""
    with pytest.raises(BadRequest) as caught:
        recreate(over(states), PLAN, FRESH, from_start=False, chosen=chosen)
    assert caught.value.code == code
    assert says in caught.value.message


def test_a_choice_is_part_of_a_run_that_is_over() -> None:
    """A run that runs is refused as for every restart; to do all again and to choose is a contradiction."""
    with pytest.raises(BadRequest, match="only a run that is over can be restarted"):
        recreate(replace(over(SUCCEEDED), phase=Phase.RUNNING), PLAN, FRESH, from_start=False, chosen=["1"])
    with pytest.raises(BadRequest, match="does all tasks again: choose none"):
        recreate(over(SUCCEEDED), PLAN, FRESH, from_start=True, chosen=["1"])


def test_a_task_that_would_be_skipped_is_kept_from_being_chosen() -> None:
    """Its `when` did not match, and it is not asked again; others can be chosen beside it."""
    skipped = replace(PLAN.tasks[0], skip=True)
    plan = replace(PLAN, tasks=(skipped, *PLAN.tasks[1:]))
    run = over(["skipped", "skipped", "success", "success", "success"])
    with pytest.raises(BadRequest, match="would be skipped again"):
        recreate(run, plan, FRESH, from_start=False, chosen=["1"])
    assert recreate(run, plan, FRESH, from_start=False, chosen=["5"]).tasks[0].status is Status.SKIPPED


def test_what_was_ruled_out_is_ruled_out_again() -> None:
    """What is there for a failure that did not happen need not be chosen; what somebody rejected must be."""
    cleanup = PlanTask(name="6", depends=(Depend(task="3", conditions=("on_failure",)),))
    plan = replace(PLAN, tasks=(*PLAN.tasks, cleanup))
    fresh = replace(FRESH, task_ids=(*FRESH.task_ids, TaskId("new-6")))
    six = RunTask(id=TaskId("old-6"), name="6", status=Status.SKIPPED)
    run = replace(over(SUCCEEDED), tasks=(*over(SUCCEEDED).tasks, six))
    new = start(recreate(run, plan, fresh, from_start=False, chosen=["2"]), NOW)
    assert advance(new, plan, (), NOW).run.tasks[5].status is Status.SKIPPED
    rejected = replace(plan, tasks=(*PLAN.tasks, replace(cleanup, depends=(Depend(task="3"),))))
    run = replace(run, tasks=(*run.tasks[:5], replace(six, reason="rejected by bob")))
    with pytest.raises(BadRequest, match=r"choose '6' \(skipped: rejected by bob\) too"):
        recreate(run, rejected, fresh, from_start=False, chosen=["2"])


@st.composite
def restarts(draw: st.DrawFn) -> tuple[Plan, Run, list[str], set[TaskId]]:
    """Any graph whose run is over, tasks that are chosen of it, and tasks whose archives are gone."""
    planned, tasks = [], []
    for number in range(draw(st.integers(1, 8))):
        parents = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        conditions = st.lists(
            st.sampled_from(["on_success", "on_failure", "on_skipped", "always"]), max_size=2
        )
        steps: list[Step] = [RunStep(command="true")]
        steps += [RestoreWorkspace()] if draw(st.booleans()) else []
        steps += [SaveToWorkspace()] if draw(st.booleans()) else []
        skip = draw(st.integers(0, 5)) == 0
        depends = tuple(Depend(task=str(p), conditions=tuple(draw(conditions))) for p in sorted(parents))
        planned.append(PlanTask(name=str(number), depends=depends, steps=tuple(steps), skip=skip))
        status = draw(st.sampled_from([Status.SUCCESS] * len(ENDS) + ENDS))
        phase = StepPhase.SUCCESS if status is Status.SUCCESS else StepPhase.FAILED
        tasks.append(
            RunTask(
                id=TaskId(f"old-{number}"),
                name=str(number),
                status=Status.SKIPPED if skip else status,
                steps=(StepState(phase=phase),) * len(steps),
            )
        )
    run = _over(tasks)
    chosen = draw(st.lists(st.sampled_from([task.name for task in tasks]), max_size=3))
    gone = draw(st.sets(st.sampled_from([task.id for task in tasks])))
    return Plan(name="r", tasks=tuple(planned)), run, chosen, gone


def _over(tasks: list[RunTask]) -> Run:
    return Run(
        id=RunId("old"),
        name="r",
        group="/g",
        number=1,
        phase=Phase.FINISHED,
        result=Result.FAILED,
        tasks=tuple(tasks),
        created_at=NOW,
    )


def fresh_for(plan: Plan, generation: int) -> Fresh:
    ids = tuple(TaskId(f"new-{generation}-{task.name}") for task in plan.tasks)
    return Fresh(id=RunId(f"run-{generation}"), number=generation, task_ids=ids, now=NOW)


def succeed(run: Run, plan: Plan) -> Run:
    """The end of *run* where every job succeeds."""
    run = start(run, NOW)
    while True:
        decision = advance(run, plan, (), NOW)
        run = decision.run
        if run.phase is Phase.FINISHED:
            return run
        assert decision.start, "nothing is at work, and the run is not over"
        run = replace(
            run,
            tasks=tuple(
                replace(task, status=Status.SUCCESS) if task.id in decision.start else task
                for task in run.tasks
            ),
        )


def attempted(case: tuple[Plan, Run, list[str], set[TaskId]]) -> Run | BadRequest:
    plan, run, chosen, gone = case
    try:
        return recreate(run, plan, fresh_for(plan, 2), from_start=False, chosen=chosen, gone=gone)
    except BadRequest as refused:
        return refused


@settings(max_examples=300, deadline=None)
@given(restarts())
def test_any_restart_of_any_graph(case: tuple[Plan, Run, list[str], set[TaskId]]) -> None:
    """It is refused for a reason, or keeps only what succeeded and does whole branches again, to an end."""
    plan, run, chosen, gone = case
    parents = {task.name: [depend.task for depend in task.depends] for task in plan.tasks}
    new = attempted(case)
    if isinstance(new, BadRequest):
        left = {task.name for task in run.tasks} - descendants(parents, chosen)
        bad = {task.name for task in run.tasks if task.status is not Status.SUCCESS}
        assert new.code == "runCannotBeRestarted"
        assert chosen
        assert left & bad or any(plan.task(name).skip for name in chosen)
        return
    old = {task.name: task for task in run.tasks}
    kept = {task.name: task for task in new.tasks if task.id == old[task.name].id}
    assert all(task == old[name] and task.status is Status.SUCCESS for name, task in kept.items())
    fresh = [task for task in new.tasks if task.name not in kept]
    assert all(task.status is not Status.SKIPPED or plan.task(task.name).skip for task in fresh)
    redone = {task.name for task in fresh if old[task.name].status is not Status.SKIPPED} | set(chosen)
    assert not kept.keys() & descendants(parents, redone)
    for name, task in kept.items():
        below = descendants(parents, {name}) & redone if task.id in gone else ()
        assert not any(isinstance(s, RestoreWorkspace) for other in below for s in plan.task(other).steps)
    end = succeed(new, plan)
    assert end.result is Result.SUCCESS
    assert all(task in end.tasks for task in kept.values())
    whole = recreate(end, plan, fresh_for(plan, 3), from_start=True)
    assert not {task.id for task in whole.tasks} & {task.id for task in end.tasks}


def test_which_archives_are_missing() -> None:
    """Those of steps that have kept files which are nowhere any more; other steps and ends have none."""
    steps = (SaveToWorkspace(), RunStep(command="true"), SaveToWorkspace())
    plan = Plan(name="r", tasks=tuple(PlanTask(name=name, steps=steps) for name in "abc"))
    done, failed = StepState(phase=StepPhase.SUCCESS), StepState(phase=StepPhase.FAILED)
    run = _over(
        [
            RunTask(id=TaskId("a"), name="a", status=Status.SUCCESS, steps=(done, done, done)),
            RunTask(id=TaskId("b"), name="b", status=Status.SUCCESS, steps=(done, done, done)),
            RunTask(id=TaskId("c"), name="c", status=Status.FAILED, steps=(failed,)),
        ]
    )
    there = {(TaskId("a"), 0), (TaskId("a"), 2), (TaskId("b"), 2)}
    assert missing_archives(run, plan, there) == {"b"}
