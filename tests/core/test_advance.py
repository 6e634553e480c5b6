"""The scheduling rules of a run, by the tables of the reference (11.6) and beyond."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tidemill.core.advance import Decision, advance
from tidemill.core.plan import Depend, Plan, PlanTask
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, TaskId

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def planned(name: str, *depends: str | Depend, **fields: bool) -> PlanTask:
    edges = tuple(d if isinstance(d, Depend) else Depend(task=d) for d in depends)
    return PlanTask(name=name, depends=edges, **fields)


def on(task: str, *conditions: str) -> Depend:
    return Depend(task=task, conditions=conditions)


#: The graph of the reference's own tests.
FIVE = (planned("1"), planned("2", "1"), planned("3"), planned("4"), planned("5", "3", "4"))


def run_of(plan: Plan, states: dict[str, str] | None = None, **fields: object) -> Run:
    """A running run of *plan*; tasks not named in *states* have not started."""
    states = states or {}
    tasks = tuple(
        RunTask(id=TaskId(f"id-{t.name}"), name=t.name, status=Status(states.get(t.name, "notstarted")))
        for t in plan.tasks
    )
    run = Run(id=RunId("r"), name="r", group="/g", number=1, phase=Phase.RUNNING, tasks=tasks, created_at=NOW)
    return replace(run, **fields)


def decide(
    tasks: tuple[PlanTask, ...],
    states: dict[str, str] | None = None,
    jobs: tuple[str, ...] = (),
    queued: tuple[str, ...] = (),
    **fields: object,
) -> Decision:
    plan = Plan(name="r", tasks=tasks)
    held = {TaskId(f"id-{name}") for name in jobs}
    waiting = {TaskId(f"id-{name}") for name in queued}
    return advance(run_of(plan, states, **fields), plan, held, NOW, waiting)


def statuses(decision: Decision) -> dict[str, str]:
    return {task.name: str(task.status) for task in decision.run.tasks if task.status != "notstarted"}


def starts(decision: Decision) -> set[str]:
    return {task.removeprefix("id-") for task in decision.start}


def with_five(*depends: str | Depend, **fields: bool) -> tuple[PlanTask, ...]:
    return (*FIVE[:4], planned("5", *depends, **fields))


@pytest.mark.parametrize(
    ("tasks", "before", "after"),
    [
        (FIVE, {}, {}),
        (FIVE, {"1": "skipped"}, {"1": "skipped", "2": "skipped"}),
        (FIVE, {"3": "skipped", "4": "skipped"}, {"3": "skipped", "4": "skipped", "5": "skipped"}),
        (FIVE, {"3": "skipped", "4": "success"}, {"3": "skipped", "4": "success", "5": "skipped"}),
        (
            with_five(on("3", "on_success"), on("4", "on_success")),
            {"3": "skipped", "4": "success"},
            {"3": "skipped", "4": "success", "5": "skipped"},
        ),
        (
            with_five(on("3", "on_failure"), "4"),
            {"3": "skipped", "4": "success"},
            {"3": "skipped", "4": "success", "5": "skipped"},
        ),
        (
            with_five(on("3", "on_skipped"), "4"),
            {"3": "skipped", "4": "success"},
            {"3": "skipped", "4": "success"},
        ),
        (
            with_five("3", "4", approval=True),
            {"3": "skipped", "4": "success"},
            {"3": "skipped", "4": "success", "5": "skipped"},
        ),
    ],
)
def test_conditions_decide_what_is_skipped(
    tasks: tuple[PlanTask, ...], before: dict[str, str], after: dict[str, str]
) -> None:
    """A task is skipped once all its parents ended and one of them ended otherwise than it wants."""
    assert statuses(decide(tasks, before)) == after


@pytest.mark.parametrize(
    ("tasks", "before", "expected"),
    [
        (FIVE, {}, {"1", "3", "4"}),
        ((planned("1", skip=True), *FIVE[1:]), {"1": "skipped", "2": "skipped"}, {"3", "4"}),
        ((planned("1", approval=True), *FIVE[1:]), {}, {"3", "4"}),
        (with_five(on("3", "on_skipped"), "4"), {"3": "skipped", "4": "success"}, {"1", "5"}),
    ],
)
def test_tasks_start_when_nothing_keeps_them(
    tasks: tuple[PlanTask, ...], before: dict[str, str], expected: set[str]
) -> None:
    """Roots start at once, others after their parents; what waits for approval does not."""
    assert starts(decide(tasks, before)) == expected


@pytest.mark.parametrize("end", [status for status in Status if status.is_final])
def test_always_is_every_way_of_ending(end: Status) -> None:
    """A task that always runs after another one starts however that one ended."""
    tasks = (planned("a"), planned("cleanup", on("a", "always")))
    assert starts(decide(tasks, {"a": end.value})) == {"cleanup"}


def test_always_waits_for_the_end() -> None:
    """Of every task it names, and with other parents their conditions hold too."""
    tasks = (planned("a"), planned("b"), planned("c", on("a", "always"), "b"))
    assert starts(decide(tasks, {"a": "failed", "b": "running"}, jobs=("b",))) == set()
    assert statuses(decide(tasks, {"a": "success", "b": "failed"}))["c"] == "skipped"


def test_always_runs_after_what_the_result_cancels() -> None:
    """A root that cannot start any more is cancelled, and what always follows it runs before the run ends."""
    tasks = (planned("a"), planned("b"), planned("cleanup", on("b", "always")))
    decision = decide(tasks, {"a": "failed"})
    assert statuses(decision) == {"a": "failed", "b": "cancelled"}
    assert starts(decision) == {"cleanup"}
    assert (decision.run.result, decision.run.phase) == (Result.FAILED, Phase.RUNNING)


def test_a_stop_is_stronger_than_always() -> None:
    """A stopped run begins nothing."""
    tasks = (planned("a"), planned("cleanup", on("a", "always")))
    decision = decide(tasks, {"a": "stopped"}, stopping=True, reason="stopped by bob")
    assert statuses(decision) == {"a": "stopped", "cleanup": "skipped"}
    assert decision.start == ()
    assert decision.run.phase is Phase.FINISHED


def test_a_task_waits_for_its_approval_when_its_turn_has_come() -> None:
    """It is marked as waiting, and starts once approved."""
    tasks = with_five(on("3", "on_skipped"), "4", approval=True)
    decision = decide(tasks, {"3": "skipped", "4": "success"})
    assert [task.name for task in decision.run.tasks if task.waiting_approval] == ["5"]
    assert "5" not in starts(decision)
    approved = tuple(t.approved_by("bob") if t.name == "5" else t for t in decision.run.tasks)
    again = advance(replace(decision.run, tasks=approved), Plan(name="r", tasks=tasks), (), NOW)
    assert "5" in starts(again)


def test_an_approval_given_early_counts() -> None:
    """A task that somebody approved before its turn starts without waiting, and is shown as approved."""
    plan = Plan(name="r", tasks=(planned("a", approval=True),))
    run = run_of(plan)
    decision = advance(replace(run, tasks=(run.tasks[0].approved_by("bob"),)), plan, (), NOW)
    assert starts(decision) == {"a"}
    assert decision.run.tasks[0].approved
    assert not decision.run.tasks[0].waiting_approval


def test_after_the_result_roots_are_cancelled_and_the_rest_follows() -> None:
    """Roots that have not started are cancelled; what depends on them is skipped in the same call."""
    decision = decide(FIVE, {"4": "failed"})
    assert decision.run.result is Result.FAILED
    assert statuses(decision) == {
        "1": "cancelled",
        "2": "skipped",
        "3": "cancelled",
        "4": "failed",
        "5": "skipped",
    }
    assert decision.run.phase is Phase.FINISHED


def test_what_an_executor_holds_is_not_cancelled() -> None:
    """A root that an executor has been given runs on after the result, and its children after it."""
    decision = decide(FIVE, {"4": "failed"}, jobs=("1",))
    assert statuses(decision) == {"3": "cancelled", "4": "failed", "5": "skipped"}
    assert decision.run.phase is Phase.RUNNING
    later = decide(FIVE, {"1": "success", "4": "failed"}, result=Result.FAILED)
    assert starts(later) == {"2"}


def test_queued_jobs_are_withdrawn_after_a_failure() -> None:
    """A root whose job no executor has been given is cancelled, and its job withdrawn."""
    decision = decide(FIVE, {"4": "failed"}, jobs=("1", "3"), queued=("1", "3"))
    assert set(decision.withdraw) == {"id-1", "id-3"}
    assert decision.run.phase is Phase.FINISHED


def test_a_stop_skips_what_has_not_started() -> None:
    """Running tasks go on to their end; everything else is skipped, waiting approvals too."""
    decision = decide(
        FIVE, {"1": "running", "3": "cancelled", "4": "success"}, jobs=("1",), stopping=True, reason="by bob"
    )
    assert statuses(decision) == {
        "1": "running",
        "2": "skipped",
        "3": "cancelled",
        "4": "success",
        "5": "skipped",
    }
    assert decision.run.result is Result.STOPPED
    assert decision.run.phase is Phase.RUNNING
    assert decision.run.task(TaskId("id-2")).reason == "by bob"


def test_a_stop_withdraws_what_waits_for_a_slot() -> None:
    """Tasks queued for capacity are not started after a stop."""
    decision = decide((planned("a"), planned("b")), {}, jobs=("a", "b"), queued=("b",), stopping=True)
    assert statuses(decision) == {"b": "skipped"}
    assert decision.withdraw == ("id-b",)
    assert decision.start == ()


def test_a_stop_ends_waiting_for_approval() -> None:
    """A stopped run asks nobody for anything."""
    first = decide((planned("a", approval=True),))
    assert first.run.tasks[0].waiting_approval
    plan = Plan(name="r", tasks=(planned("a", approval=True),))
    stopped = advance(replace(first.run, stopping=True), plan, (), NOW)
    assert not stopped.run.tasks[0].waiting_approval
    assert (stopped.run.phase, stopped.run.result) == (Phase.FINISHED, Result.STOPPED)


def test_waiting_for_approval_does_not_keep_a_failed_run_running() -> None:
    """A task below the root that waits when the run fails is cancelled."""
    tasks = (planned("a"), planned("b", "a", approval=True), planned("c"))
    waiting = decide(tasks, {"a": "success", "c": "running"}, jobs=("c",))
    assert waiting.run.task(TaskId("id-b")).waiting_approval
    failed = tuple(replace(t, status=Status.FAILED) if t.name == "c" else t for t in waiting.run.tasks)
    decision = advance(replace(waiting.run, tasks=failed), Plan(name="r", tasks=tasks), (), NOW)
    assert statuses(decision)["b"] == "cancelled"
    assert decision.run.phase is Phase.FINISHED


@pytest.mark.parametrize(
    ("tasks", "before", "stopping", "result"),
    [
        ((), {}, False, Result.SUCCESS),
        ((planned("a"),), {"a": "success"}, False, Result.SUCCESS),
        ((planned("a"),), {"a": "failed"}, False, Result.FAILED),
        ((planned("a"),), {"a": "lost"}, False, Result.FAILED),
        ((planned("a", ignore_failure=True),), {"a": "failed"}, False, Result.SUCCESS),
        ((planned("a", ignore_failure=True),), {"a": "lost"}, False, Result.SUCCESS),
        ((planned("a"),), {"a": "skipped"}, False, Result.SUCCESS),
        ((planned("a"),), {"a": "stopped"}, False, Result.SUCCESS),
        ((planned("a"),), {"a": "success"}, True, Result.SUCCESS),
        ((planned("a"), planned("b")), {"a": "success"}, True, Result.STOPPED),
        ((planned("a"), planned("b")), {"a": "failed"}, True, Result.FAILED),
    ],
)
def test_the_result_of_a_run(
    tasks: tuple[PlanTask, ...], before: dict[str, str], stopping: bool, result: Result
) -> None:
    """Result and end are set in one call when no executor holds anything."""
    run = decide(tasks, before, stopping=stopping).run
    assert (run.result, run.phase, run.ended_at) == (result, Phase.FINISHED, NOW)


def test_a_result_never_changes() -> None:
    """What fails after a stop has been answered leaves the run stopped."""
    decision = decide((planned("a"),), {"a": "failed"}, stopping=True, result=Result.STOPPED)
    assert decision.run.result is Result.STOPPED


def test_a_run_is_not_finished_while_an_executor_holds_a_task() -> None:
    """The result is known, the end is not."""
    decision = decide((planned("a"),), {"a": "lost"}, jobs=("a",))
    assert (decision.run.result, decision.run.phase) == (Result.FAILED, Phase.RUNNING)


def test_failure_handlers_run() -> None:
    """A task that wants its parent to fail runs after it failed, though the run has failed too."""
    tasks = (planned("a"), planned("b", on("a", "on_failure")), planned("c", on("a", "on_success")))
    decision = decide(tasks, {"a": "lost"})
    assert starts(decision) == {"b"}
    assert statuses(decision) == {"a": "lost", "c": "skipped"}


def test_an_ignored_failure_is_still_a_failure_for_its_children() -> None:
    """Only the run does not fail by it."""
    tasks = (planned("a", ignore_failure=True), planned("b", "a"), planned("c", on("a", "on_failure")))
    decision = decide(tasks, {"a": "failed"})
    assert starts(decision) == {"c"}
    assert statuses(decision) == {"a": "failed", "b": "skipped"}
    assert decision.run.result is Result.UNKNOWN


def test_an_edge_without_conditions_wants_success() -> None:
    """The default holds for plans that state none."""
    assert starts(decide((planned("a"), planned("b", on("a"))), {"a": "success"})) == {"b"}
    assert statuses(decide((planned("a"), planned("b", on("a"))), {"a": "failed"}))["b"] == "skipped"


def test_a_long_chain_of_skips_takes_one_call() -> None:
    """The fixed point is reached at once, and deep graphs do not exhaust the stack."""
    chain = [planned("0")] + [planned(str(n), str(n - 1)) for n in range(1, 5000)]
    decision = decide(tuple(reversed(chain)), {"0": "failed"})
    assert decision.run.phase is Phase.FINISHED
    assert statuses(decision)["4999"] == "skipped"


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.CANCELLED, Phase.SETUP_ERROR, Phase.FINISHED])
def test_only_running_runs_advance(phase: Phase) -> None:
    """In every other phase nothing starts and nothing changes."""
    plan = Plan(name="r", tasks=FIVE)
    run = run_of(plan, phase=phase)
    assert advance(run, plan, (), NOW) == Decision(run=run)
