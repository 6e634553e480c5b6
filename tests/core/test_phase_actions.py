"""Every action in every state of a run: done, or refused with a code and nothing changed."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tidemill.core import transitions
from tidemill.core.actions import approve, ask_stop, cancel, reject, start
from tidemill.core.advance import advance
from tidemill.core.plan import Depend, Plan, PlanTask
from tidemill.core.restart import Fresh, recreate
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, TaskId
from tidemill.errors import Failure

NOW = datetime(2025, 1, 1, tzinfo=UTC)
OLD, GATE, LAST = TaskId("build"), TaskId("gate"), TaskId("last")
PLAN = Plan(
    name="r",
    tasks=(
        PlanTask(name="build"),
        PlanTask(name="gate", approval=True, depends=(Depend(task="build", conditions=("always",)),)),
        PlanTask(name="last", depends=(Depend(task="gate"),)),
    ),
)
FRESH = Fresh(
    id=RunId("new"), number=2, task_ids=(TaskId("new-1"), TaskId("new-2"), TaskId("new-3")), now=NOW
)


def run_in(phase: Phase, result: Result, *statuses: str, **fields: object) -> Run:
    tasks = tuple(
        RunTask(id=task_id, name=str(task_id), status=Status(status))
        for task_id, status in zip((OLD, GATE, LAST), statuses, strict=bool(statuses))
    )
    run = Run(
        id=RunId("r"),
        name="r",
        group="/g",
        number=1,
        phase=phase,
        result=result,
        tasks=tasks,
        created_at=NOW,
    )
    return replace(run, **fields)


UNSTARTED = ("notstarted", "notstarted", "notstarted")
STATES: Mapping[str, Run] = {
    "setuperror": run_in(Phase.SETUP_ERROR, Result.UNKNOWN, setup_errors=("bad",)),
    "queued": run_in(Phase.QUEUED, Result.UNKNOWN, *UNSTARTED),
    "cancelled": run_in(Phase.CANCELLED, Result.UNKNOWN, *UNSTARTED),
    "running": run_in(Phase.RUNNING, Result.UNKNOWN, "running", "notstarted", "notstarted"),
    "failing": run_in(Phase.RUNNING, Result.FAILED, "failed", "notstarted", "notstarted"),
    "stopping": run_in(
        Phase.RUNNING, Result.STOPPED, "running", "skipped", "skipped", stopping=True, reason="by bob"
    ),
    "success": run_in(Phase.FINISHED, Result.SUCCESS, "success", "success", "success"),
    "failed": run_in(Phase.FINISHED, Result.FAILED, "failed", "success", "success"),
    "stopped": run_in(Phase.FINISHED, Result.STOPPED, "success", "stopped", "skipped"),
}
ACTIONS: Mapping[str, Callable[[Run], Run]] = {
    "start": lambda run: start(run, NOW),
    "cancel": lambda run: cancel(run, "by bob", NOW),
    "stop": lambda run: ask_stop(run, "by eve"),
    "approve": lambda run: approve(run, GATE, "bob"),
    "reject": lambda run: reject(run, PLAN, GATE, "by bob"),
    "restart": lambda run: recreate(run, PLAN, FRESH, from_start=True),
    "from failed": lambda run: recreate(run, PLAN, FRESH, from_start=False),
    "chosen": lambda run: recreate(run, PLAN, FRESH, from_start=False, chosen=["gate"]),
}
NOT_QUEUED, NOT_RUNNING = "runNotQueued", "runNotRunning"
NOT_WAITING, NO_RESTART, NO_TASK = "runTaskNotWaitingApproval", "runCannotBeRestarted", "runTaskDoesNotExist"
DONE = ""
TABLE: Mapping[str, tuple[str, ...]] = {
    #             start       cancel      stop         approve      reject       restart     failed      chosen
    "setuperror": (NOT_QUEUED, NOT_QUEUED, NOT_RUNNING, NO_TASK, NO_TASK, NO_RESTART, NO_RESTART, NO_RESTART),
    "queued": (DONE, DONE, NOT_RUNNING, DONE, DONE, NO_RESTART, NO_RESTART, NO_RESTART),
    "cancelled": (NOT_QUEUED, NOT_QUEUED, NOT_RUNNING, NOT_WAITING, NOT_WAITING, DONE, DONE, NO_RESTART),
    "running": (NOT_QUEUED, NOT_QUEUED, DONE, DONE, DONE, NO_RESTART, NO_RESTART, NO_RESTART),
    "failing": (NOT_QUEUED, NOT_QUEUED, DONE, DONE, DONE, NO_RESTART, NO_RESTART, NO_RESTART),
    "stopping": (NOT_QUEUED, NOT_QUEUED, DONE, NOT_WAITING, NOT_WAITING, NO_RESTART, NO_RESTART, NO_RESTART),
    "success": (NOT_QUEUED, NOT_QUEUED, NOT_RUNNING, NOT_WAITING, NOT_WAITING, DONE, NO_RESTART, DONE),
    "failed": (NOT_QUEUED, NOT_QUEUED, NOT_RUNNING, NOT_WAITING, NOT_WAITING, DONE, DONE, NO_RESTART),
    "stopped": (NOT_QUEUED, NOT_QUEUED, NOT_RUNNING, NOT_WAITING, NOT_WAITING, DONE, DONE, DONE),
}
CASES = [
    (state, action, code)
    for state, codes in TABLE.items()
    for action, code in zip(ACTIONS, codes, strict=True)
]


@pytest.mark.parametrize(("state", "action", "code"), CASES)
def test_an_action_in_a_state(state: str, action: str, code: str) -> None:
    """What is done leads to a state that may follow; what is refused says so by a code."""
    run = STATES[state]
    if code:
        with pytest.raises(Failure) as refused:
            ACTIONS[action](run)
        assert refused.value.code == code
        assert refused.value.message
        return
    after = ACTIONS[action](run)
    if after.id != run.id:
        assert after.phase is Phase.QUEUED
        return
    settled = advance(after, PLAN, [OLD] if run.tasks[0].status is Status.RUNNING else [], NOW).run
    assert transitions.allowed(transitions.RUN, run.phase, after.phase)
    assert transitions.allowed(transitions.RUN, after.phase, settled.phase)
    for was, task in zip(run.tasks, settled.tasks, strict=True):
        assert transitions.allowed(transitions.TASK, was.status, task.status)


def test_the_table_holds_every_state() -> None:
    """Each phase, and each result that a run may have in it."""
    assert {run.phase for run in STATES.values()} == set(Phase)
    assert {run.result for run in STATES.values() if run.phase is Phase.FINISHED} == set(Result) - {
        Result.UNKNOWN
    }
    assert TABLE.keys() == STATES.keys()


@pytest.mark.parametrize("state", [state for state, codes in TABLE.items() if codes[2] == DONE])
def test_what_was_asked_before_is_asked_once(state: str) -> None:
    """A stop that is repeated keeps the first reason; an approval counts once."""
    run = ask_stop(STATES[state], "by ann")
    assert ask_stop(run, "by eve") == run
    assert run.reason == ("by bob" if state == "stopping" else "by ann")
