"""A sentence and a code for every state of a run, a task and a step."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tidemill.core.explaining.nouns import Ahead, Circumstances, ExecutorView, JobView, RunExplanation
from tidemill.core.explaining.runs import explain
from tidemill.core.job import JobPhase
from tidemill.core.placement import Offer, Room
from tidemill.core.plan import Depend, Plan, PlanTask, Resources, RunStep, Runtime
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

NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
AGO = NOW - timedelta(seconds=40)
T = TaskId("t")
STEPS = (RunStep(command="a", name="build"), RunStep(command="b", ignore_failure=True))
PLANNED = PlanTask(name="t", steps=STEPS, runtime=Runtime(type="host", arch="arm64"))
TASK = RunTask(id=T, name="t", steps=(StepState(), StepState()))
RUN = Run(
    id=RunId("r"),
    name="r",
    group="/g",
    number=7,
    phase=Phase.RUNNING,
    tasks=(TASK,),
    created_at=AGO,
    started_at=AGO,
)
OFFER = Offer(runtimes=("host",), arch="arm64")
ROOM = Room(offer=OFFER, slots=2, jobs=0)
EXECUTOR = ExecutorView(name="e1", online=True, draining=False, room=ROOM)


GREEDY = Runtime(type="host", arch="arm64", labels={"gpu": ""}, resources=Resources(cpu=2000))
GENEROUS = replace(OFFER, labels={"gpu": "a"}, resources=Resources(cpu=3000))


def offering(**offer: object) -> ExecutorView:
    return replace(EXECUTOR, room=replace(ROOM, offer=replace(OFFER, **offer)))


FAILED = StepState(phase=StepPhase.FAILED, exit_code=3)
QUEUED, HELD = JobView(phase=JobPhase.QUEUED), JobView(phase=JobPhase.ACCEPTED, executor="e1")


def explained(run: Run, planned: PlanTask = PLANNED, *others: PlanTask, **around: object) -> RunExplanation:
    plan = Plan(name="r", tasks=(planned, *others))
    return explain(run, plan, replace(Circumstances(now=NOW), **around))


RUNS = [
    (
        {"phase": Phase.SETUP_ERROR, "setup_errors": ("config.yml:3:1: bad", "more"), "tasks": ()},
        {},
        "setup_error",
        "no plan: config.yml:3:1: bad (and 1 more)",
    ),
    ({"phase": Phase.QUEUED}, {}, "starts_now", "waiting: the scheduler is about to start it"),
    (
        {"phase": Phase.QUEUED},
        {"ahead": (Ahead(number=4, is_running=True),)},
        "waits_for_group",
        "waiting: run #4 of the same group is running",
    ),
    (
        {"phase": Phase.QUEUED},
        {"ahead": (Ahead(number=4, is_running=False),)},
        "waits_for_its_turn",
        "waiting: run #4 of the same group is before it",
    ),
    (
        {"phase": Phase.QUEUED},
        {"ahead": (Ahead(number=4, is_running=True, concurrency="deploy"),)},
        "waits_for_concurrency",
        "waiting: run #4 of the concurrency group deploy is running",
    ),
    (
        {"phase": Phase.QUEUED},
        {"ahead": (Ahead(number=4, is_running=False, concurrency="deploy"),)},
        "waits_for_its_turn",
        "waiting: run #4 of the concurrency group deploy is before it",
    ),
    (
        {"phase": Phase.CANCELLED, "reason": "superseded by run #8 (concurrency group deploy)"},
        {},
        "cancelled",
        "cancelled: superseded by run #8 (concurrency group deploy)",
    ),
    ({}, {"jobs": {T: HELD}}, "running", "running: `t` at work, 0 to come"),
    ({}, {"jobs": {T: QUEUED}}, "running", "running: `t` waits for an executor, 0 to come"),
    (
        {"stopping": True, "reason": "stopped by bob"},
        {"jobs": {T: HELD}},
        "stopping",
        "stopping: stopped by bob; waiting for `t`",
    ),
    (
        {"tasks": (replace(TASK, waiting_approval=True),)},
        {},
        "waits_for_approval",
        "waiting: somebody must approve `t`",
    ),
    (
        {"result": Result.FAILED, "tasks": (replace(TASK, status=Status.LOST, reason="e1 is silent"),)},
        {},
        "failing",
        "failed: `t` was lost: e1 is silent; waiting for nothing",
    ),
    (
        {"phase": Phase.FINISHED, "result": Result.SUCCESS, "ended_at": NOW},
        {},
        "succeeded",
        "succeeded in 40 s: no task failed it",
    ),
    (
        {"phase": Phase.FINISHED, "result": Result.STOPPED, "reason": "stopped by bob", "ended_at": NOW},
        {},
        "stopped",
        "stopped by bob",
    ),
    (
        {
            "phase": Phase.FINISHED,
            "result": Result.FAILED,
            "stopping": True,
            "reason": "the run took longer than 1 h",
        },
        {},
        "timed_out",
        "failed: the run took longer than 1 h",
    ),
    (
        {
            "phase": Phase.FINISHED,
            "result": Result.FAILED,
            "stopping": True,
            "reason": "stopped by bob",
            "tasks": (replace(TASK, status=Status.FAILED, steps=(FAILED, StepState())),),
        },
        {},
        "failed",
        "failed: `t` failed at step 1 with exit code 3; stopped by bob",
    ),
    (
        {
            "phase": Phase.FINISHED,
            "result": Result.SUCCESS,
            "ended_at": NOW,
            "tasks": (replace(TASK, status=Status.SUCCESS, steps=(StepState(), FAILED)),),
        },
        {},
        "succeeded_with_warnings",
        "succeeded in 40 s with 1 warning: `t` succeeded in spite of steps that failed",
    ),
    (
        {
            "phase": Phase.FINISHED,
            "result": Result.FAILED,
            "tasks": (
                replace(
                    TASK,
                    status=Status.FAILED,
                    steps=(StepState(phase=StepPhase.FAILED, exit_code=2), StepState()),
                ),
            ),
        },
        {},
        "failed",
        "failed: `t` failed at step 1 with exit code 2",
    ),
]


@pytest.mark.parametrize(("fields", "around", "code", "sentence"), RUNS)
def test_a_run(fields: dict[str, object], around: dict[str, object], code: str, sentence: str) -> None:
    """In each phase and result, by what it waits for."""
    found = explained(replace(RUN, **fields), **around).run
    assert (found.code, found.sentence) == (code, sentence)


TASKS = [
    ({}, {}, {"jobs": {T: QUEUED}}, "no_executor", "waiting: no executor is online"),
    (
        {},
        {},
        {"jobs": {T: QUEUED}, "executors": (replace(EXECUTOR, online=False),)},
        "no_executor",
        "waiting: no executor is online; silent: e1",
    ),
    (
        {},
        {},
        {"jobs": {T: QUEUED}, "executors": (offering(arch="amd64"),)},
        "no_suitable_executor",
        "waiting: no live executor is for arm64; 1 executor is online: e1 (host amd64)",
    ),
    (
        {},
        {},
        {"jobs": {T: QUEUED}, "executors": (replace(EXECUTOR, draining=True),)},
        "executors_drain",
        "waiting: all executors that take `host` tasks for arm64 are draining",
    ),
    (
        {},
        {},
        {"jobs": {T: QUEUED}, "executors": (replace(EXECUTOR, room=replace(ROOM, jobs=2)),)},
        "waits_for_slot",
        "waiting: all 2 slots for `host` tasks for arm64 are taken",
    ),
    (
        {},
        {"runtime": GREEDY},
        {"jobs": {T: QUEUED}, "executors": (EXECUTOR, replace(EXECUTOR, name="e2"))},
        "no_suitable_executor",
        "waiting: no live executor has label `gpu` and offers 2 CPU; 2 executors are online without labels",
    ),
    (
        {},
        {"runtime": GREEDY},
        {
            "jobs": {T: QUEUED},
            "executors": (offering(labels={"os": "linux"}, resources=Resources(cpu=4000)),),
        },
        "no_suitable_executor",
        "waiting: no live executor has label `gpu`; 1 executor is online with labels os=linux",
    ),
    (
        {},
        {"runtime": GREEDY},
        {
            "jobs": {T: QUEUED},
            "executors": (
                offering(resources=Resources(cpu=4000)),
                replace(offering(labels={"gpu": "a"}, resources=Resources(cpu=1500)), name="e2"),
            ),
        },
        "no_suitable_executor",
        "waiting: no live executor suits it: e1 has no label `gpu`; e2 offers 1.5 CPU, 2 CPU are asked",
    ),
    (
        {},
        {"runtime": GREEDY},
        {
            "jobs": {T: QUEUED},
            "executors": (
                replace(EXECUTOR, room=Room(offer=GENEROUS, slots=2, jobs=1, used=Resources(cpu=1500))),
            ),
        },
        "waits_for_resources",
        "waiting: 2 CPU are asked, and no executor that takes `host` tasks for arm64 with labels gpu has it",
    ),
    (
        {},
        {},
        {"jobs": {T: QUEUED}, "executors": (EXECUTOR,)},
        "starts_now",
        "waiting: an executor is about to take it (0 of 2 slots are taken)",
    ),
    (
        {},
        {},
        {"jobs": {T: HELD}},
        "given_to_executor",
        "starting: executor e1 has it and is about to begin",
    ),
    (
        {"waiting_approval": True},
        {},
        {},
        "waits_for_approval",
        "waiting: somebody must approve it",
    ),
    (
        {
            "waiting_approval": True,
            "approve_by": NOW + timedelta(hours=2),
            "annotations": {"approvers": '["a"]'},
        },
        {"approval": True, "approvers": 2},
        {},
        "waits_for_approval",
        "waiting: 1 more must approve it, within 2 h",
    ),
    (
        {
            "attempt": 2,
            "not_before": NOW + timedelta(seconds=10),
            "past": (Attempt(number=1, status=Status.LOST, reason="e1 is silent"),),
        },
        {},
        {},
        "waits_for_retry",
        "waiting: attempt 2 begins in 10 s, after attempt 1: e1 is silent",
    ),
    ({}, {}, {}, "starts_now", "waiting: it is about to be queued"),
    (
        {
            "status": Status.RUNNING,
            "started_at": AGO,
            "steps": (StepState(phase=StepPhase.RUNNING), StepState()),
        },
        {},
        {"jobs": {T: HELD}},
        "running",
        "running since 40 s: at step 1 of 2 `build`",
    ),
    (
        {"status": Status.RUNNING, "started_at": AGO},
        {},
        {},
        "running",
        "running since 40 s: at its setup",
    ),
    (
        {"status": Status.RUNNING, "started_at": AGO, "reason": "another task has failed"},
        {},
        {"jobs": {T: replace(HELD, stop=True)}},
        "stopping",
        "stopping: another task has failed",
    ),
    ({}, {}, {"jobs": {T: replace(HELD, stop=True)}}, "stopping", "stopping: it was told to stop"),
    (
        {"status": Status.SKIPPED, "reason": "skipped: `when.branch` includes `main`, this is `dev`"},
        {"skip": True},
        {},
        "skipped_by_when",
        "skipped: `when.branch` includes `main`, this is `dev`",
    ),
    (
        {"status": Status.SKIPPED, "reason": "rejected by bob: too late"},
        {"approval": True},
        {},
        "not_approved",
        "skipped: rejected by bob: too late",
    ),
    ({"status": Status.SKIPPED}, {}, {}, "skipped", "skipped: the run goes on without it"),
    ({"status": Status.CANCELLED}, {}, {}, "cancelled", "cancelled: it had not begun"),
    ({"status": Status.STOPPED, "reason": "by bob"}, {}, {}, "stopped", "stopped: by bob"),
    (
        {"status": Status.SUCCESS, "attempt": 2, "started_at": AGO, "ended_at": NOW},
        {},
        {},
        "succeeded",
        "succeeded at attempt 2 in 40 s",
    ),
    (
        {"status": Status.SUCCESS, "steps": (StepState(phase=StepPhase.SUCCESS), FAILED)},
        {},
        {},
        "succeeded_with_warnings",
        "succeeded with 1 step that failed, which it ignores",
    ),
    (
        {"status": Status.SUCCESS, "started_at": AGO - timedelta(seconds=9), "ended_at": AGO},
        {},
        {},
        "kept",
        "succeeded in 9 s, in an earlier run",
    ),
    (
        {"status": Status.FAILED, "setup": StepState(phase=StepPhase.FAILED), "reason": "no such image"},
        {},
        {},
        "failed",
        "it failed in its setup: no such image",
    ),
    (
        {"status": Status.FAILED, "timed_out": True, "reason": "timed out after 5 s", "attempt": 3},
        {},
        {},
        "timed_out",
        "it took too long: timed out after 5 s, after 3 attempts",
    ),
    (
        {"status": Status.FAILED, "steps": (StepState(phase=StepPhase.FAILED, exit_code=3), StepState())},
        {"ignore_failure": True},
        {},
        "failed_ignored",
        "it failed at step 1 with exit code 3; the run ignores it",
    ),
    ({"status": Status.LOST, "reason": "e1 is silent"}, {}, {}, "lost", "it was lost: e1 is silent"),
]


@pytest.mark.parametrize(("fields", "planned", "around", "code", "sentence"), TASKS)
def test_a_task(
    fields: dict[str, object],
    planned: dict[str, object],
    around: dict[str, object],
    code: str,
    sentence: str,
) -> None:
    """In each status, by what it waits for and how it ended."""
    run = replace(RUN, tasks=(replace(TASK, **fields),), restarted_from=3 if code == "kept" else None)
    found = explained(run, replace(PLANNED, **planned), **around).tasks[0].task
    assert (found.code, found.sentence) == (code, sentence)


def test_a_clock_that_is_behind_makes_no_earlier_run() -> None:
    """Tasks have the times of their executors' machines, runs those of the server."""
    past = replace(TASK, status=Status.SUCCESS, started_at=AGO - timedelta(hours=1), ended_at=AGO)
    assert explained(replace(RUN, tasks=(past,))).tasks[0].task.code == "succeeded"


@pytest.mark.parametrize(
    ("phase", "code", "sentence"),
    [
        (Phase.QUEUED, "run_not_started", "waiting: the run has not started"),
        (Phase.CANCELLED, "run_cancelled", "not begun: superseded by run #8"),
    ],
)
def test_a_task_of_a_run_that_does_not_run(phase: Phase, code: str, sentence: str) -> None:
    """It is the run that has to be asked."""
    found = explained(replace(RUN, phase=phase, reason="superseded by run #8")).tasks[0].task
    assert (found.code, found.sentence) == (code, sentence)


def test_what_a_task_needs() -> None:
    """Each that has not ended with what it is at; three are named."""
    parents = [
        RunTask(id=TaskId("a"), name="a", status=Status.RUNNING, started_at=AGO),
        RunTask(id=TaskId("b"), name="b", waiting_approval=True),
        RunTask(id=TaskId("c"), name="c"),
        RunTask(id=TaskId("d"), name="d"),
        RunTask(id=TaskId("e"), name="e", status=Status.SUCCESS),
    ]
    planned = replace(PLANNED, depends=tuple(Depend(task=name) for name in "abcde"))
    others = [PlanTask(name=name) for name in "abcde"]
    found = explained(replace(RUN, tasks=(TASK, *parents)), planned, *others).tasks[0].task
    assert found.code == "waits_for_tasks"
    assert found.sentence == (
        "waiting: needs `a` (running since 40 s), `b` (waits for approval), `c` (not started) and 1 more"
    )
    assert found.evidence == {"a": "running", "b": "notstarted", "c": "notstarted", "d": "notstarted"}


STEP_CASES = [
    (StepState(), Status.RUNNING, 0, "waits_for_its_turn", "waiting: the steps before it are not done"),
    (StepState(), Status.NOT_STARTED, 0, "task_not_started", "waiting: its task has not begun"),
    (StepState(), Status.FAILED, 0, "not_reached", "not reached: its task failed before it"),
    (StepState(), Status.SKIPPED, 0, "not_reached", "not reached: its task is skipped"),
    (StepState(phase=StepPhase.RUNNING), Status.RUNNING, 0, "running", "running"),
    (
        StepState(phase=StepPhase.FAILED),
        Status.FAILED,
        1,
        "cut_off",
        "cut off: it was at work when its task ended",
    ),
    (
        StepState(phase=StepPhase.SKIPPED),
        Status.FAILED,
        0,
        "skipped",
        "skipped: its task went on without it",
    ),
    (StepState(phase=StepPhase.CANCELLED), Status.CANCELLED, 0, "cancelled", "cancelled: it had not begun"),
    (StepState(phase=StepPhase.RUNNING, started_at=AGO), Status.RUNNING, 0, "running", "running since 40 s"),
    (StepState(phase=StepPhase.STOPPED), Status.STOPPED, 0, "stopped", "stopped with its task"),
    (
        StepState(phase=StepPhase.SUCCESS, started_at=AGO, ended_at=NOW),
        Status.SUCCESS,
        0,
        "succeeded",
        "succeeded in 40 s",
    ),
    (StepState(phase=StepPhase.FAILED, exit_code=3), Status.FAILED, 0, "failed", "failed: exit code 3"),
    (
        StepState(phase=StepPhase.FAILED, reason="timed out after 5 s"),
        Status.SUCCESS,
        1,
        "failed_ignored",
        "failed: timed out after 5 s; the task ignores it",
    ),
]


@pytest.mark.parametrize(("state", "status", "position", "code", "sentence"), STEP_CASES)
def test_a_step(state: StepState, status: Status, position: int, code: str, sentence: str) -> None:
    """In each phase, and by what its task has come to."""
    steps = (state, StepState()) if position == 0 else (StepState(), state)
    run = replace(RUN, tasks=(replace(TASK, status=status, steps=steps),))
    found = explained(run).tasks[0].steps[position]
    assert (found.code, found.sentence) == (code, sentence)


def test_a_step_that_is_not_done_here_says_why() -> None:
    """With the sentence of its plan."""
    planned = replace(PLANNED, steps=(replace(STEPS[0], skip="skipped: `when` says no"), STEPS[1]))
    found = explained(RUN, planned).tasks[0].steps[0]
    assert (found.code, found.sentence) == ("skipped", "skipped: `when` says no")


def test_the_attempts_before_are_explained_too() -> None:
    """Each by how it ended, with its steps; the task itself is about the latest one."""
    past = (
        Attempt(number=1, status=Status.LOST, reason="e1 is silent"),
        Attempt(number=2, status=Status.FAILED, timed_out=True, reason="timed out after 5 s"),
        Attempt(number=3, status=Status.FAILED, steps=(FAILED, StepState())),
    )
    task = replace(TASK, status=Status.RUNNING, started_at=AGO, attempt=4, past=past)
    found = explained(replace(RUN, tasks=(task,))).tasks[0]
    assert found.task.code == "running"
    assert [(one.number, one.attempt.code, one.attempt.sentence) for one in found.attempts] == [
        (1, "lost", "it was lost: e1 is silent"),
        (2, "timed_out", "it took too long: timed out after 5 s"),
        (3, "failed", "it failed at step 1 with exit code 3"),
    ]
    assert [step.code for step in found.attempts[2].steps] == ["failed", "not_reached"]
    assert [step.code for step in found.attempts[0].steps] == ["not_reached", "not_reached"]


@pytest.mark.parametrize(
    ("setup", "status", "reason", "code", "sentence"),
    [
        ("notstarted", "notstarted", "", "task_not_started", "waiting: its task has not begun"),
        ("notstarted", "running", "", "waits_for_its_turn", "waiting: its executor has not begun with it"),
        ("notstarted", "cancelled", "", "not_reached", "not reached: its task was cancelled"),
        ("running", "running", "", "running", "running"),
        ("success", "running", "", "succeeded", "succeeded"),
        ("failed", "failed", "no such image", "failed", "failed: no such image"),
        ("stopped", "stopped", "", "stopped", "stopped with its task"),
    ],
)
def test_a_setup(setup: str, status: str, reason: str, code: str, sentence: str) -> None:
    """As a step is; why it failed is told with the task."""
    state = StepState(phase=StepPhase(setup))
    run = replace(RUN, tasks=(replace(TASK, status=Status(status), setup=state, reason=reason),))
    found = explained(run).tasks[0].setup
    assert (found.code, found.sentence) == (code, sentence)


def test_a_step_waits_for_the_setup() -> None:
    """While that is at work."""
    run = replace(
        RUN, tasks=(replace(TASK, status=Status.RUNNING, setup=StepState(phase=StepPhase.RUNNING)),)
    )
    assert explained(run).tasks[0].steps[0].sentence == "waiting: its task's setup is not done"


def test_what_a_skipped_task_was_ruled_out_by() -> None:
    """The ends that do not match; a stop is told by its reason, whatever has ended since."""
    parent = RunTask(id=TaskId("a"), name="a", status=Status.FAILED)
    planned = replace(PLANNED, depends=(Depend(task="a"),))
    skipped = replace(TASK, status=Status.SKIPPED, reason="'a' ended as failed")
    run = replace(RUN, tasks=(skipped, parent))
    found = explained(run, planned, PlanTask(name="a")).tasks[0].task
    assert (found.code, found.sentence) == ("skipped_by_dependency", "skipped: 'a' ended as failed")
    assert found.evidence == {"reason": "'a' ended as failed", "a": "failed"}
    for reason in ("stopped by bob", ""):
        skipped = replace(skipped, reason=reason or "the run was stopped")
        run = replace(RUN, tasks=(skipped, parent), stopping=True, reason=reason)
        found = explained(run, planned, PlanTask(name="a")).tasks[0].task
        assert found.code == "skipped_by_stop"


@pytest.mark.parametrize("reason", ["cancelled by alice", "superseded by run #8 (concurrency group deploy)"])
def test_a_cancelled_run_says_by_whom(reason: str) -> None:
    """The word is not said twice."""
    found = explained(replace(RUN, phase=Phase.CANCELLED, reason=reason)).run
    assert found.sentence in (reason, f"cancelled: {reason}")
    assert found.sentence.count("cancelled") == 1
    assert found.evidence == {"reason": reason}


@pytest.mark.parametrize("phase", list(Phase))
def test_a_restart_says_of_which_run(phase: Phase) -> None:
    """In every phase, behind what is to be said of it anyway."""
    run = replace(RUN, phase=phase)
    plain, again = explained(run).run, explained(replace(run, restarted_from=7)).run
    assert (again.code, again.sentence) == (plain.code, f"{plain.sentence} (a restart of run #7)")
    assert again.evidence == plain.evidence | {"restart of": "7"}


def test_the_tables_hold_every_state() -> None:
    """A state that is new needs a sentence."""
    assert {fields.get("phase", Phase.RUNNING) for fields, *_ in RUNS} == set(Phase)
    assert {fields.get("result", Result.UNKNOWN) for fields, *_ in RUNS} == set(Result)
    assert {fields.get("status", Status.NOT_STARTED) for fields, *_ in TASKS} == set(Status)
    assert {state.phase for state, *_ in STEP_CASES} == set(StepPhase)
