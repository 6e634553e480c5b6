"""A run's tasks on their graph while they are decided on, and the rules for those that have not started.

All tasks of a run are looked at each time one of them changes. Of hundreds nearly all stay as they are, so
that a look at one that does is kept short: statuses are compared by identity, calls are made for the others.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from tidemill.core.ignored import warnings
from tidemill.core.plan import Condition, Depend, Plan, PlanTask
from tidemill.core.retrying import may_try_again, next_attempt
from tidemill.core.run import Result, Run, RunTask, Status, TaskId
from tidemill.core.spans import span

STOPPED = "the run was stopped"
"""Why a task is skipped whose run was stopped, unless that has a reason of its own."""

_NOT_STARTED, _RUNNING = Status.NOT_STARTED, Status.RUNNING
_FAILED = (Status.FAILED, Status.LOST)
_MATCHING = {
    Condition.ON_SUCCESS: frozenset({Status.SUCCESS}),
    Condition.ON_FAILURE: frozenset(_FAILED),
    Condition.ON_SKIPPED: frozenset({Status.SKIPPED}),
    Condition.ALWAYS: frozenset(status for status in Status if status.is_final),
}

_Rule = Callable[[PlanTask, RunTask, Sequence[RunTask], datetime], RunTask]
"""What becomes of a task that has not started, from its plan, its state, its parents' states and the time."""


class Graph:
    """Iterates a run's tasks, parents before children."""

    def __init__(self, run: Run, plan: Plan, now: datetime) -> None:
        self.now = now
        self.tasks = {task.name: task for task in run.tasks}
        self._plan = plan

    def __iter__(self) -> Iterator[RunTask]:
        return (self.tasks[planned.name] for planned in self._plan.in_order)

    @property
    def is_over(self) -> bool:
        """Every task is in a state that it cannot leave."""
        return _are_over(self.tasks.values())

    def try_again(self) -> None:
        """Prepare the next attempt of each task that wants one, unless another has failed the run."""
        ended = [
            (planned, task)
            for planned in self._plan.in_order
            if (task := self.tasks[planned.name]).status in _FAILED
        ]
        again = [(planned, task) for planned, task in ended if may_try_again(planned, task)]
        if again and self._failures() <= {planned.name for planned, _ in again}:
            self.tasks |= {task.name: next_attempt(planned, task, self.now) for planned, task in again}

    def wake(self) -> None:
        """Let go of what has waited for its time."""
        waiting = [task for task in self.tasks.values() if task.not_before is not None]
        for task in waiting:
            if task.not_before is not None and task.not_before <= self.now:
                self.tasks[task.name] = replace(task, not_before=None)

    def settle(self, rule: _Rule, *, unless: Collection[TaskId]) -> None:
        """Apply *rule* to each task that has not started and is not among *unless*."""
        tasks = self.tasks
        for planned in self._plan.in_order:
            task = tasks[planned.name]
            if task.status is _NOT_STARTED and task.id not in unless:
                tasks[task.name] = rule(planned, task, self._parents(planned), self.now)

    def stopping(self, held: Collection[TaskId], reason: str, *, spared: bool) -> tuple[TaskId, ...]:
        """Those of *held* that are to stop, told why; if *spared*, not what is there for failures."""
        found = [
            self.tasks[planned.name]
            for planned in self._plan.in_order
            if not (spared and _is_for_failures(planned)) and self.tasks[planned.name].id in held
        ]
        for task in found:
            if not task.status.is_final and not task.reason:
                self.tasks[task.name] = replace(task, reason=reason)
        return tuple(task.id for task in found)

    def result(self, run: Run) -> Result:
        """What becomes of *run* by the states of its tasks; UNKNOWN while that is open."""
        if self._failures():
            return Result.FAILED
        if self.is_over:
            return Result.SUCCESS
        return Result.STOPPED if run.stopping else Result.UNKNOWN

    def ready(self, *, unless: Collection[TaskId]) -> tuple[TaskId, ...]:
        """Settled tasks that nothing keeps from starting."""
        return tuple(
            task.id
            for planned in self._plan.in_order
            if (task := self.tasks[planned.name]).status is _NOT_STARTED
            and not task.waiting_approval
            and task.not_before is None
            and task.id not in unless
            and _are_over(self._parents(planned))
        )

    def warnings(self) -> int:
        """Failures of tasks that have ended, and of their steps, which are ignored."""
        return sum(
            warnings(planned, task)
            for planned in self._plan.lenient
            if (task := self.tasks[planned.name]).status.is_final
        )

    def _failures(self) -> set[str]:
        """The tasks that fail the run."""
        return {
            planned.name
            for planned in self._plan.tasks
            if self.tasks[planned.name].status in _FAILED and not planned.ignore_failure
        }

    def _parents(self, planned: PlanTask) -> list[RunTask]:
        return [self.tasks[depend.task] for depend in planned.depends]


def _are_over(tasks: Iterable[RunTask]) -> bool:
    """Whether each of these is in a state that it cannot leave."""
    for task in tasks:  # a loop, because a generator costs three times as much
        status = task.status
        if status is _NOT_STARTED or status is _RUNNING:
            return False
    return True


def by_conditions(planned: PlanTask, task: RunTask, parents: Sequence[RunTask], now: datetime) -> RunTask:
    """Skip a task that a parent's end rules out; let one whose turn has come wait for its approval."""
    if not _are_over(parents):
        return task
    for depend, parent in zip(planned.depends, parents, strict=True):
        if not matches(depend, parent):
            return _pass_over(task, Status.SKIPPED, f"{parent.name!r} ended as {parent.status}")
    return _approval(planned, task, now) if planned.approval else task


def after_result(planned: PlanTask, task: RunTask, parents: Sequence[RunTask], now: datetime) -> RunTask:
    """Begin nothing new once the run has its result; what follows from begun tasks still runs.

    A task that would wait for an approval is cancelled too, or it would keep the run from ending.
    """
    settled = by_conditions(planned, task, parents, now)
    is_new = not planned.depends or settled.waiting_approval or task.attempt > 1
    if settled.status is Status.NOT_STARTED and is_new:
        what = "this task" if task.attempt == 1 else f"attempt {task.attempt}"
        return _pass_over(task, Status.CANCELLED, f"the run had its result before {what} could start")
    return settled


def failed_fast(reason: str) -> _Rule:
    """After a failure begin nothing but what is there for failures."""

    def rule(planned: PlanTask, task: RunTask, parents: Sequence[RunTask], now: datetime) -> RunTask:
        settled = by_conditions(planned, task, parents, now)
        if settled.status is Status.NOT_STARTED and not _is_for_failures(planned):
            return _pass_over(task, Status.CANCELLED, reason)
        return after_result(planned, task, parents, now)

    return rule


def stopped(reason: str) -> _Rule:
    """Begin nothing any more."""
    return lambda _planned, task, _parents, _now: _pass_over(task, Status.SKIPPED, reason or STOPPED)


def matches(depend: Depend, parent: RunTask) -> bool:
    """Whether any condition of *depend* (on_success when it has none) names how *parent* ended."""
    conditions = depend.conditions or (Condition.ON_SUCCESS,)
    return any(parent.status in _MATCHING.get(condition, ()) for condition in conditions)


def _approval(planned: PlanTask, task: RunTask, now: datetime) -> RunTask:
    """A task whose turn has come is approved, waits for it, or has waited too long."""
    if task.approved or len(task.approvers) >= planned.approvers:
        return replace(task, approved=True, waiting_approval=False, approve_by=None)
    if planned.approval_expires is None:
        return replace(task, waiting_approval=True)
    approve_by = task.approve_by or now + timedelta(seconds=planned.approval_expires)
    if approve_by > now:
        return replace(task, waiting_approval=True, approve_by=approve_by)
    who = f"only {len(task.approvers)} of {planned.approvers} people" if task.approvers else "nobody"
    reason = f"{who} approved it within {span(planned.approval_expires)}"
    return _pass_over(task, Status.SKIPPED, reason)


def _pass_over(task: RunTask, status: Status, reason: str) -> RunTask:
    """End a task that does not start (again): between two attempts it was at work and is stopped."""
    return replace(
        task,
        status=status if task.attempt == 1 else Status.STOPPED,
        reason=reason,
        waiting_approval=False,
        approve_by=None,
        not_before=None,
    )


def _is_for_failures(planned: PlanTask) -> bool:
    """Whether it cleans up or tells after a failure."""
    wanted = (Condition.ON_FAILURE, Condition.ALWAYS)
    return any(condition in wanted for depend in planned.depends for condition in depend.conditions)
