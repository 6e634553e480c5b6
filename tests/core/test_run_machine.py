"""Any interleaving of hand-outs, reports, losses, stops and approvals leaves a run legal, and it ends."""

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from tests.core.any_plan import STATES, plans
from tidemill.core import transitions
from tidemill.core.actions import approve, ask_stop, cancel, create, reject, start
from tidemill.core.advance import advance
from tidemill.core.explaining import codes
from tidemill.core.explaining.nouns import Circumstances, JobView
from tidemill.core.explaining.runs import explain
from tidemill.core.ignored import warnings
from tidemill.core.job import JobId, JobPhase, JobReport, Outcome, attempt_of, first_generation
from tidemill.core.plan import Plan, RetryOn
from tidemill.core.report import apply_report, lose
from tidemill.core.restart import Fresh, recreate
from tidemill.core.run import Phase, Result, Run, RunId, RunTask, Status, StepState, TaskId
from tidemill.errors import BadRequest, Failure

NOW = datetime(2025, 1, 1, tzinfo=UTC)


class RunMachine(RuleBasedStateMachine):
    """A runservice in miniature: a run, its queued jobs, those that executors hold."""

    @initialize(plan=plans())
    def begin(self, plan: Plan) -> None:
        self.plan = plan
        self.queued: set[TaskId] = set()
        self.held: set[TaskId] = set()
        self.sent: list[tuple[TaskId, JobReport]] = []
        self.now = NOW
        self.restarts = 0
        run = Run(id=RunId("r"), name="r", group="/g", number=1, created_at=NOW)
        self.run: Run = create(run, plan, [TaskId(f"t{t.name}") for t in plan.tasks])

    @precondition(lambda self: self.run.phase is Phase.QUEUED)
    @rule()
    def start(self) -> None:
        self._save(start(self.run, self.now))

    @precondition(lambda self: self.run.phase is Phase.QUEUED)
    @rule(chance=st.integers(0, 5))
    def cancel(self, chance: int) -> None:
        if not chance:
            self._save(cancel(self.run, "by bob", self.now))

    @precondition(lambda self: self.run.phase.is_final)
    @rule(data=st.data(), from_start=st.booleans())
    def restart(self, data: st.DataObject, from_start: bool) -> None:
        """Reports about the run before may still arrive; what is kept of it stays as it is."""
        names = [task.name for task in self.run.tasks]
        chosen = data.draw(st.lists(st.sampled_from(names), max_size=2)) if names and not from_start else []
        gone = data.draw(st.sets(st.sampled_from([task.id for task in self.run.tasks]))) if names else set()
        self.restarts += 1
        ids = tuple(TaskId(f"{task.name} of {self.restarts}") for task in self.plan.tasks)
        fresh = Fresh(id=RunId(f"r{self.restarts}"), number=1 + self.restarts, task_ids=ids, now=self.now)
        before = {task.id: task for task in self.run.tasks}
        with suppress(BadRequest):
            self.run = recreate(self.run, self.plan, fresh, from_start=from_start, chosen=chosen, gone=gone)
        assert not self.held | self.queued
        for task in self.run.tasks:
            assert task == before.get(task.id, task)

    @rule(data=st.data(), action=st.sampled_from(["start", "cancel", "stop", "approve", "reject"]))
    def somebody_comes_too_late_or_too_early(self, data: st.DataObject, action: str) -> None:
        """What does not fit is refused and changes nothing."""
        if not self.run.tasks:
            return
        task = data.draw(st.sampled_from(self.run.tasks)).id
        act = {
            "start": lambda: start(self.run, self.now),
            "cancel": lambda: cancel(self.run, "by bob", self.now),
            "stop": lambda: ask_stop(self.run, "by bob"),
            "approve": lambda: approve(self.run, task, "eve"),
            "reject": lambda: reject(self.run, self.plan, task, "by eve"),
        }[action]
        fits = {
            "start": self.run.phase is Phase.QUEUED,
            "cancel": self.run.phase is Phase.QUEUED,
            "stop": self.run.phase is Phase.RUNNING,
        }.get(action, not self.run.phase.is_final and self.run.task(task).status is Status.NOT_STARTED)
        if not fits:
            with pytest.raises(Failure):
                act()

    @rule(seconds=st.sampled_from([0, 5, 20]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        if self.run.wake_at is None or self.run.wake_at <= self.now:
            self._save(self.run)

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def hand_out(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.queued)))
        self.queued.remove(task)
        self.held.add(task)

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        end=st.sampled_from([None, *Outcome]),
        timed_out=st.booleans(),
        steps=STATES,
        arrives=st.integers(0, 3),
    )
    def report(
        self, data: st.DataObject, end: Outcome | None, timed_out: bool, steps: list[StepState], arrives: int
    ) -> None:
        """It arrives now, or later, or never."""
        task = data.draw(st.sampled_from(sorted(self.held)))
        report = replace(
            self._report(task),
            phase=JobPhase.RUNNING if end is None else JobPhase.ENDED,
            outcome=end,
            timed_out=timed_out and end is Outcome.FAILED,
            steps=tuple(steps[: len(self.plan.task(self.run.task(task).name).steps)]),
        )
        self.sent.append((task, report))
        if arrives:
            self._receive(task, report)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def a_report_arrives_late_or_again(self, data: st.DataObject) -> None:
        task, report = data.draw(st.sampled_from(self.sent))
        if task in {one.id for one in self.run.tasks}:
            self._receive(task, report)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lose_an_executor(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.held)))
        self.held.remove(task)
        self._save(self._with(lose(self.run.task(task), "silent", self.now)))

    @precondition(lambda self: self.run.phase is Phase.RUNNING)
    @rule()
    def stop(self) -> None:
        self._save(ask_stop(self.run, "by bob"))

    @precondition(lambda self: any(t.waiting_approval for t in self.run.tasks))
    @rule(data=st.data(), is_refused=st.booleans())
    def answer_about_an_approval(self, data: st.DataObject, is_refused: bool) -> None:
        task = data.draw(st.sampled_from([t for t in self.run.tasks if t.waiting_approval]))
        if is_refused:
            self._save(reject(self.run, self.plan, task.id, "rejected by bob"))
        else:
            self._save(approve(self.run, task.id, f"approver {len(task.approvers)}"))

    @precondition(lambda self: self.run.phase in (Phase.QUEUED, Phase.RUNNING))
    @rule(data=st.data())
    def approve_beforehand(self, data: st.DataObject) -> None:
        waits = [t for t in self.run.tasks if t.status is Status.NOT_STARTED and not t.approvers]
        if waits:
            self._save(approve(self.run, data.draw(st.sampled_from(waits)).id, "approver 0"))

    @invariant()
    def one_call_reaches_the_fixed_point(self) -> None:
        again = advance(self.run, self.plan, self.held | self.queued, self.now, self.queued)
        assert again.run == self.run
        assert not again.start
        assert not again.withdraw

    @invariant()
    def the_order_of_tasks_does_not_matter(self) -> None:
        shuffle = random.Random(0).sample
        plan = replace(self.plan, tasks=tuple(shuffle(self.plan.tasks, len(self.plan.tasks))))
        tasks = tuple(shuffle(self.run.tasks, len(self.run.tasks)))
        jobs, queued = self.held | self.queued, self.queued
        for was in (self.run, replace(self.run, stopping=self.run.phase is Phase.RUNNING)):
            one = advance(was, self.plan, jobs, self.now, queued)
            other = advance(replace(was, tasks=tasks), plan, jobs, self.now, queued)
            assert {t.id: t for t in one.run.tasks} == {t.id: t for t in other.run.tasks}
            assert (one.run.result, one.run.phase) == (other.run.result, other.run.phase)
            assert set(one.start) == set(other.start)
            assert set(one.withdraw) == set(other.withdraw)

    @invariant()
    def tasks_with_jobs_have_parents_that_ended(self) -> None:
        for task in self.run.tasks:
            begun = task.id in self.held | self.queued or task.status is Status.RUNNING
            for depend in self.plan.task(task.name).depends:
                parent = next(t for t in self.run.tasks if t.name == depend.task)
                assert parent.status.is_final or not begun

    @invariant()
    def every_attempt_is_kept_and_allowed(self) -> None:
        for task in self.run.tasks:
            retry = self.plan.task(task.name).retry
            assert task.attempt <= retry.attempts
            assert [past.number for past in task.past] == list(range(1, task.attempt))
            for past in task.past:
                lost, late = past.status is Status.LOST, past.timed_out
                assert (RetryOn.LOST if lost else RetryOn.TIMEOUT if late else RetryOn.FAILED) in retry.on

    @invariant()
    def a_task_waits_for_its_time(self) -> None:
        for task in self.run.tasks:
            if task.not_before is not None:
                assert task.status is Status.NOT_STARTED
                assert task.not_before > self.now or self.run.wake_at is not None
                assert task.id not in self.held | self.queued

    @invariant()
    def everything_can_be_explained(self) -> None:
        jobs = {task: JobView(phase=JobPhase.QUEUED) for task in self.queued}
        jobs |= {task: JobView(phase=JobPhase.ACCEPTED, executor="e") for task in self.held}
        found = explain(self.run, self.plan, Circumstances(now=self.now, jobs=jobs))
        assert found.run.sentence
        assert found.run.code in codes.RUN
        assert len(found.tasks) == len(self.run.tasks)
        for one, task in zip(found.tasks, self.run.tasks, strict=True):
            assert one.task.sentence
            assert one.task.code in codes.TASK
            assert one.task.code != "starts_now", "what could start has a job"
            assert [past.number for past in one.attempts] == [past.number for past in task.past]
            assert {past.attempt.code for past in one.attempts} <= {"failed", "timed_out", "lost"}
            setups = [one.setup, *(past.setup for past in one.attempts)]
            steps = [*setups, *one.steps, *(step for past in one.attempts for step in past.steps)]
            assert {step.code for step in steps} <= codes.STEP.keys()

    @invariant()
    def ignored_failures_are_counted(self) -> None:
        if self.run.phase in (Phase.RUNNING, Phase.FINISHED):
            over = [task for task in self.run.tasks if task.status.is_final]
            assert self.run.warnings == sum(warnings(self.plan.task(task.name), task) for task in over)

    @invariant()
    def nobody_begins_what_is_not_approved(self) -> None:
        for task in self.run.tasks:
            planned = self.plan.task(task.name)
            if planned.approval and (task.id in self.held | self.queued or task.past):
                assert len(task.approvers) >= planned.approvers

    @invariant()
    def only_so_long_is_waited(self) -> None:
        if self.run.phase is Phase.RUNNING and self.run.deadline is not None and not self.run.stopping:
            assert self.run.wake_at is not None
            assert self.run.wake_at <= self.run.deadline

    @invariant()
    def a_finished_run_is_settled(self) -> None:
        if self.run.phase is Phase.FINISHED:
            assert self.run.result is not Result.UNKNOWN
            assert not self.held | self.queued
            assert all(t.status.is_final and not t.waiting_approval for t in self.run.tasks)

    def teardown(self) -> None:
        """With every job ended and every approval given the run ends, whatever came before."""
        if not hasattr(self, "run"):
            return
        if self.run.phase is Phase.QUEUED:
            self.start()
        if self.run.phase is Phase.CANCELLED:
            return
        while self.run.phase is not Phase.FINISHED:
            waiting = [t for t in self.run.tasks if t.waiting_approval]
            jobs = sorted(self.held | self.queued)
            assert waiting or jobs or self.run.wake_at, "the run waits for nothing"
            for task in jobs:
                self.queued.discard(task)
                ended = replace(self._report(task), phase=JobPhase.ENDED, outcome=Outcome.SUCCESS)
                self._receive(task, ended)
            if self.run.wake_at is not None and not (jobs or waiting):
                self.now = max(self.now, self.run.wake_at)
                self._save(self.run)
            for task in waiting:
                if self.run.task(task.id).waiting_approval:
                    self._save(approve(self.run, task.id, f"approver {len(task.approvers)}"))
        self.a_finished_run_is_settled()

    def _receive(self, task: TaskId, report: JobReport) -> None:
        if report.phase is JobPhase.ENDED and attempt_of(report.generation) == self.run.task(task).attempt:
            self.held.discard(task)
        self._save(self._with(apply_report(self.run.task(task), report, self.now)))

    def _report(self, task: TaskId) -> JobReport:
        generation = first_generation(self.run.task(task).attempt)
        return JobReport(id=JobId(task), generation=generation, phase=JobPhase.ACCEPTED)

    def _with(self, task: RunTask) -> Run:
        return replace(self.run, tasks=tuple(task if t.id == task.id else t for t in self.run.tasks))

    def _save(self, run: Run) -> None:
        """What a runservice does with every change of a run, in one transaction."""
        decision = advance(run, self.plan, self.held | self.queued, self.now, self.queued)
        for old, new in zip(self.run.tasks, decision.run.tasks, strict=True):
            assert new.attempt in (old.attempt, old.attempt + 1), "no attempt is passed over"
            assert transitions.allowed(transitions.TASK, old.status, new.status), (old.status, new.status)
            assert not old.status.is_final or new.status is old.status, "what has ended never changes"
        assert transitions.allowed(transitions.RUN, self.run.phase, run.phase)
        assert transitions.allowed(transitions.RUN, run.phase, decision.run.phase)
        if self.run.result is not Result.UNKNOWN:
            assert decision.run.result is self.run.result, "a result never changes"
        assert not set(decision.start) & (self.held | self.queued), "one live job per task"
        self.queued = self.queued.difference(decision.withdraw) | set(decision.start)
        self.run = decision.run


RunMachine.TestCase.settings = settings(max_examples=250, stateful_step_count=30, deadline=None)
TestRun = RunMachine.TestCase
