"""When a task is tried again, when it is not, and what stays of the attempts before."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tidemill.core.actions import ask_stop, create, start
from tidemill.core.advance import advance
from tidemill.core.job import JobId, JobPhase, JobReport, Outcome, attempt_of, first_generation
from tidemill.core.plan import Depend, Plan, PlanTask, Retry, RetryOn, RunStep
from tidemill.core.report import apply_report, lose
from tidemill.core.restart import Fresh, recreate
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, StepPhase, StepState, TaskId

NOW = datetime(2025, 1, 1, tzinfo=UTC)
STEPS = (RunStep(command="a", ignore_failure=True), RunStep(command="b"))


def planned(name: str = "t", **fields: object) -> PlanTask:
    return replace(PlanTask(name=name, steps=STEPS, retry=Retry(attempts=3)), **fields)


def running(*tasks: PlanTask) -> tuple[Run, Plan]:
    plan = Plan(name="r", tasks=tasks)
    run = Run(id=RunId("r"), name="r", group="/g", number=1, created_at=NOW)
    return start(create(run, plan, [TaskId(task.name) for task in tasks]), NOW), plan


def put(run: Run, task: RunTask) -> Run:
    return replace(run, tasks=tuple(task if one.id == task.id else one for one in run.tasks))


def failed(code: int | None = 1, *, attempt: int = 1, timed_out: bool = False) -> JobReport:
    """A task whose second step has failed; the failure of the first one was ignored."""
    return JobReport(
        id=JobId("t"),
        generation=first_generation(attempt),
        phase=JobPhase.ENDED,
        outcome=Outcome.FAILED,
        timed_out=timed_out,
        reason="why",
        steps=(
            StepState(phase=StepPhase.FAILED, exit_code=99),
            StepState(phase=StepPhase.FAILED, exit_code=code),
        ),
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=9),
    )


def ended(run: Run, report: JobReport, task: str = "t") -> Run:
    return put(run, apply_report(run.task(TaskId(task)), report, NOW))


@pytest.mark.parametrize(
    ("retry", "report", "is_tried_again"),
    [
        (Retry(), failed(), False),
        (Retry(attempts=2), failed(), True),
        (Retry(attempts=2), failed(None), True),
        (Retry(attempts=2), failed(timed_out=True), True),
        (Retry(attempts=2, on=(RetryOn.LOST,)), failed(), False),
        (Retry(attempts=2, on=(RetryOn.FAILED,)), failed(timed_out=True), False),
        (Retry(attempts=2, on=(RetryOn.TIMEOUT,)), failed(timed_out=True), True),
        (Retry(attempts=2, on=(RetryOn.TIMEOUT,)), failed(), False),
        (Retry(attempts=2, exit_codes=(7, 1)), failed(1), True),
        (Retry(attempts=2, exit_codes=(7,)), failed(1), False),
        (Retry(attempts=2, exit_codes=(99,)), failed(1), False),
        (Retry(attempts=2, exit_codes=(7,)), failed(None), False),
        (Retry(attempts=2, exit_codes=(7,)), failed(timed_out=True), True),
        (Retry(attempts=2), replace(failed(), outcome=Outcome.STOPPED), False),
        (Retry(attempts=2), replace(failed(), outcome=Outcome.SUCCESS), False),
    ],
)
def test_after_which_ends_a_task_is_tried_again(
    retry: Retry, report: JobReport, is_tried_again: bool
) -> None:
    """The kinds of ends, the exit code of the step that did it, and how often."""
    run, plan = running(planned(retry=retry))
    decision = advance(ended(run, report), plan, (), NOW)
    (task,) = decision.run.tasks
    assert (task.attempt == 2) is is_tried_again
    assert decision.start == ((TaskId("t"),) if is_tried_again else ())
    assert (decision.run.result is Result.UNKNOWN) is is_tried_again


def test_a_lost_task_is_tried_again_if_wanted() -> None:
    """An executor that goes silent is an end like any other."""
    for on, attempt in ((RetryOn.LOST, 2), (RetryOn.FAILED, 1)):
        run, plan = running(planned(retry=Retry(attempts=2, on=(on,))))
        lost = put(run, lose(run.tasks[0], "silent", NOW))
        assert advance(lost, plan, (), NOW).run.tasks[0].attempt == attempt


def test_an_attempt_is_kept_whole_and_the_task_begins_anew() -> None:
    """Steps, times, exit codes and reasons of the attempt before can still be seen."""
    run, plan = running(planned())
    task = advance(ended(run, failed(3)), plan, (), NOW).run.tasks[0]
    (past,) = task.past
    assert (past.number, past.status, past.reason) == (1, Status.FAILED, "why")
    assert [step.exit_code for step in past.steps] == [99, 3]
    assert past.ended_at == NOW + timedelta(seconds=9)
    assert task == replace(run.tasks[0], attempt=2, past=(past,))


def test_the_last_attempt_decides() -> None:
    """Once the attempts are used up the run fails; a success among them is one."""
    run, plan = running(planned(retry=Retry(attempts=2)))
    run = advance(ended(run, failed()), plan, (), NOW).run
    bad = advance(ended(run, failed(attempt=2)), plan, (), NOW).run
    assert (bad.result, bad.phase, bad.tasks[0].status) == (Result.FAILED, Phase.FINISHED, Status.FAILED)
    good = replace(failed(attempt=2), outcome=Outcome.SUCCESS, reason="")
    assert advance(ended(run, good), plan, (), NOW).run.result is Result.SUCCESS


def test_a_report_of_an_earlier_attempt_changes_nothing() -> None:
    """It comes late, and is about what is over."""
    run, plan = running(planned())
    again = advance(ended(run, failed()), plan, (), NOW).run
    assert ended(again, failed()) == again
    assert ended(again, replace(failed(), phase=JobPhase.RUNNING)) == again


def test_the_pause_doubles_and_is_waited_for() -> None:
    """The run knows when to look again; before that nothing starts."""
    run, plan = running(planned(retry=Retry(attempts=3, backoff=10.0)))
    run = advance(ended(run, failed()), plan, (), NOW).run
    assert run.wake_at == NOW + timedelta(seconds=10)
    early = advance(run, plan, (), NOW + timedelta(seconds=9))
    assert (early.start, early.run) == ((), run)
    due = advance(run, plan, (), NOW + timedelta(seconds=10))
    assert due.start == (TaskId("t"),)
    assert due.run.wake_at is None
    again = advance(ended(due.run, failed(attempt=2)), plan, (), NOW)
    assert again.run.wake_at == NOW + timedelta(seconds=20)


def test_what_depends_on_a_task_waits_for_its_last_attempt() -> None:
    """A failure that is tried again is none yet."""
    run, plan = running(planned(), PlanTask(name="next", depends=(Depend(task="t"),)))
    run = advance(ended(run, failed()), plan, (), NOW).run
    assert run.task(TaskId("next")).status is Status.NOT_STARTED
    good = replace(failed(attempt=2), outcome=Outcome.SUCCESS)
    assert advance(ended(run, good), plan, (), NOW).start == (TaskId("next"),)


def test_nothing_is_tried_again_in_a_run_that_is_decided() -> None:
    """A stop, another failure before, or one in the same moment; what would wait for its turn is stopped."""
    stop, plan = running(planned())
    assert advance(ended(ask_stop(stop, "by bob"), failed()), plan, {"t"}, NOW).run.tasks[0].attempt == 1
    two, plan = running(planned(), PlanTask(name="u"))
    both = ended(ended(two, failed()), replace(failed(), id=JobId("u")), "u")
    assert advance(both, plan, (), NOW).run.task(TaskId("t")).attempt == 1
    pausing, plan = running(planned(retry=Retry(attempts=2, backoff=10.0)), PlanTask(name="u"))
    pausing = advance(ended(pausing, failed()), plan, (), NOW).run
    over = advance(ended(pausing, replace(failed(), id=JobId("u")), "u"), plan, (), NOW).run
    waited = over.task(TaskId("t"))
    assert (waited.status, waited.not_before, over.phase) == (Status.STOPPED, None, Phase.FINISHED)
    assert waited.reason == "the run had its result before attempt 2 could start"


def test_a_failure_that_is_ignored_is_tried_again_too() -> None:
    """It need not be, but it is better if it works."""
    run, plan = running(planned(ignore_failure=True))
    assert advance(ended(run, failed()), plan, (), NOW).run.tasks[0].attempt == 2


def test_a_restart_counts_anew_and_keeps_what_it_keeps() -> None:
    """Kept tasks show their attempts; those that are done again begin with the first."""
    run, plan = running(planned(), PlanTask(name="u"))
    run = advance(ended(run, failed()), plan, (), NOW).run
    run = ended(run, replace(failed(attempt=2), outcome=Outcome.SUCCESS))
    run = advance(ended(run, replace(failed(), id=JobId("u")), "u"), plan, (), NOW).run
    fresh = Fresh(id=RunId("n"), number=2, task_ids=(TaskId("t2"), TaskId("u2")), now=NOW)
    kept, again = recreate(run, plan, fresh, from_start=False).tasks
    assert (kept.attempt, len(kept.past), again.attempt) == (2, 1, 1)
    assert [task.attempt for task in recreate(run, plan, fresh, from_start=True).tasks] == [1, 1]


def test_generations_tell_attempts_and_only_grow() -> None:
    """However often a job is taken back before it begins."""
    assert [attempt_of(first_generation(number)) for number in (1, 2, 10)] == [1, 2, 10]
    assert attempt_of(first_generation(2) + 1000) == 2
    assert first_generation(1) == 1 < first_generation(2) < first_generation(3)
