"""Approvals by several and until a time, rejections, failing fast, and runs that take too long."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tidemill.core.actions import approve, create, reject, start
from tidemill.core.advance import Decision, advance
from tidemill.core.job import JobId, JobPhase, JobReport, Outcome
from tidemill.core.plan import Depend, Plan, PlanTask
from tidemill.core.report import apply_report
from tidemill.core.run import Phase, Result, Run, RunId, Status, TaskId
from tidemill.errors import BadRequest, NotFound

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(hours=24)
GATE = PlanTask(name="gate", approval=True, approvers=2, approval_expires=DAY.total_seconds())
T = TaskId


def running(*tasks: PlanTask, **fields: object) -> tuple[Run, Plan]:
    plan = replace(Plan(name="r", tasks=tasks), **fields)
    run = Run(id=RunId("r"), name="r", group="/g", number=1, created_at=NOW)
    run = start(create(run, plan, [T(task.name) for task in tasks]), NOW)
    return advance(run, plan, (), NOW).run, plan


def ended(run: Run, name: str, outcome: Outcome = Outcome.FAILED) -> Run:
    report = JobReport(id=JobId(name), generation=1, phase=JobPhase.ENDED, outcome=outcome, started_at=NOW)
    task = apply_report(run.task(T(name)), report, NOW)
    return replace(run, tasks=tuple(task if one.name == name else one for one in run.tasks))


def said(decision: Decision) -> dict[str, tuple[str, str]]:
    return {task.name: (str(task.status), task.reason) for task in decision.run.tasks}


def test_as_many_must_approve_as_the_plan_says() -> None:
    """The first of two is noted and changes nothing else; nobody counts twice."""
    run, plan = running(GATE)
    one = advance(approve(run, T("gate"), "ann"), plan, (), NOW)
    assert (one.start, one.run.tasks[0].waiting_approval, one.run.tasks[0].approved) == ((), True, False)
    with pytest.raises(BadRequest):
        approve(one.run, T("gate"), "ann")
    two = advance(approve(one.run, T("gate"), "bob"), plan, (), NOW)
    assert (two.start, two.run.tasks[0].approved) == ((T("gate"),), True)
    assert two.run.wake_at is None


@pytest.mark.parametrize(
    ("approvers", "reason"),
    [((), "nobody approved it within 24 h"), (("ann",), "only 1 of 2 people approved it within 24 h")],
)
def test_an_approval_expires(approvers: tuple[str, ...], reason: str) -> None:
    """Counted from when its turn came; the run knows when to look."""
    run, plan = running(GATE)
    assert run.wake_at == NOW + DAY
    for approver in approvers:
        run = approve(run, T("gate"), approver)
    before = advance(run, plan, (), NOW + DAY - timedelta(seconds=1))
    assert before.run.tasks[0].waiting_approval
    after = advance(before.run, plan, (), NOW + DAY)
    assert said(after) == {"gate": ("skipped", reason)}
    assert (after.run.phase, after.run.wake_at) == (Phase.FINISHED, None)


def test_an_approval_waits_for_ever_where_nothing_is_said() -> None:
    """As Agola's does."""
    run, plan = running(replace(GATE, approval_expires=None))
    assert run.wake_at is None
    assert advance(run, plan, (), NOW + 1000 * DAY).run == run


def test_a_rejected_task_is_skipped() -> None:
    """With what depends on it; what is there for that is done."""
    told = PlanTask(name="told", depends=(Depend(task="gate", conditions=("on_skipped",)),))
    run, plan = running(GATE, PlanTask(name="deploy", depends=(Depend(task="gate"),)), told)
    after = advance(reject(run, plan, T("gate"), "rejected by ann: not today"), plan, (), NOW)
    assert said(after)["gate"] == ("skipped", "rejected by ann: not today")
    assert said(after)["deploy"][0] == "skipped"
    assert after.start == (T("told"),)


def test_what_is_approved_or_over_cannot_be_rejected() -> None:
    """It may be at work already: that is what a stop is for."""
    run, plan = running(replace(GATE, approvers=1))
    approved = advance(approve(run, T("gate"), "ann"), plan, (), NOW).run
    with pytest.raises(BadRequest) as refusal:
        reject(approved, plan, T("gate"), "rejected by bob")
    assert refusal.value.code == "runTaskNotWaitingApproval"
    rejected = advance(reject(run, plan, T("gate"), "rejected by bob"), plan, (), NOW).run
    for again in (lambda: reject(rejected, plan, T("gate"), ""), lambda: approve(rejected, T("gate"), "ann")):
        with pytest.raises(BadRequest):
            again()
    with pytest.raises(NotFound):
        reject(run, plan, T("none"), "")


def test_a_task_that_needs_no_approval_cannot_be_rejected() -> None:
    """An executor may have accepted it, and be about to say that it has begun."""
    run, plan = running(PlanTask(name="build"))
    with pytest.raises(BadRequest) as refusal:
        reject(run, plan, T("build"), "rejected by bob")
    assert refusal.value.code == "runTaskNotWaitingApproval"


TASKS = (
    PlanTask(name="bad"),
    PlanTask(name="busy"),
    PlanTask(name="queued"),
    PlanTask(name="next", depends=(Depend(task="busy"),)),
    PlanTask(name="tell", depends=(Depend(task="bad", conditions=("on_failure",)),)),
    PlanTask(name="clean", depends=(Depend(task="next", conditions=("always",)),)),
)
REASON = "another task has failed"


def test_the_first_failure_stops_what_is_at_work() -> None:
    """And withdraws what is queued; what is there for failures begins, and is not stopped later."""
    run, plan = running(*TASKS, fail_fast=True)
    first = advance(ended(run, "bad"), plan, {T("busy"), T("queued")}, NOW, {T("queued")})
    assert first.run.result is Result.FAILED
    assert (first.stop, first.withdraw) == ((T("busy"),), (T("queued"),))
    assert set(first.start) == {T("tell"), T("clean")}
    assert said(first)["queued"] == said(first)["next"] == ("cancelled", REASON)
    later = advance(first.run, plan, {T("busy"), T("tell"), T("clean")}, NOW)
    assert (later.stop, later.start, later.run) == ((T("busy"),), (), first.run)
    last = advance(ended(later.run, "busy", Outcome.STOPPED), plan, {T("tell"), T("clean")}, NOW)
    assert said(last)["busy"] == ("stopped", REASON)
    assert last.stop == ()


def test_without_it_nothing_is_stopped() -> None:
    """As in Agola: what runs goes on, and what follows from it too."""
    run, plan = running(*TASKS)
    first = advance(ended(run, "bad"), plan, {T("busy"), T("queued")}, NOW, {T("queued")})
    assert first.stop == ()
    assert said(first)["next"] == ("notstarted", "")


def test_a_failure_that_is_ignored_is_none() -> None:
    """Nothing is stopped for it."""
    run, plan = running(replace(TASKS[0], ignore_failure=True), TASKS[1], fail_fast=True)
    assert advance(ended(run, "bad"), plan, {T("busy")}, NOW).stop == ()


def test_a_run_that_takes_too_long_has_failed() -> None:
    """What is at work is stopped and says why; nothing begins any more."""
    run, plan = running(
        PlanTask(name="busy"), PlanTask(name="next", depends=(Depend(task="busy"),)), timeout=5400.0
    )
    due = NOW + timedelta(minutes=90)
    assert run.wake_at == due
    assert advance(run, plan, {T("busy")}, due - timedelta(seconds=1)).run == run
    late = advance(run, plan, {T("busy")}, due)
    reason = "the run took longer than 1 h 30 min"
    assert (late.run.result, late.run.stopping, late.run.reason) == (Result.FAILED, True, reason)
    assert late.stop == (T("busy"),)
    assert said(late) == {"busy": ("notstarted", reason), "next": ("skipped", reason)}
    over = advance(ended(late.run, "busy", Outcome.STOPPED), plan, (), due)
    assert (over.run.phase, over.run.result) == (Phase.FINISHED, Result.FAILED)
    assert over.run.task(T("busy")).status is Status.STOPPED


def test_a_run_that_is_over_in_time_is_not_late() -> None:
    """Also when the last report comes at the very end."""
    run, plan = running(PlanTask(name="busy"), timeout=60.0)
    last = advance(ended(run, "busy", Outcome.SUCCESS), plan, (), NOW + timedelta(hours=1))
    assert (last.run.result, last.run.phase) == (Result.SUCCESS, Phase.FINISHED)
