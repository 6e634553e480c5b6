"""The next state of a run: which tasks start, which are passed over, when it is finished.

One call reaches the fixed point: tasks are visited after all they depend on, so that advancing the
answer again changes nothing, and the order in which tasks are listed does not matter.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from tidemill.core.graph import in_order
from tidemill.core.plan import Condition, Depend, Plan, PlanTask
from tidemill.core.retrying import may_try_again, next_attempt
from tidemill.core.run import Phase, Result, Run, RunTask, Status, TaskId

_FAILED = frozenset({Status.FAILED, Status.LOST})
_MATCHING = {
    Condition.ON_SUCCESS: frozenset({Status.SUCCESS}),
    Condition.ON_FAILURE: _FAILED,
    Condition.ON_SKIPPED: frozenset({Status.SKIPPED}),
    Condition.ALWAYS: frozenset(status for status in Status if status.is_final),
}

_Rule = Callable[[PlanTask, RunTask, Sequence[RunTask]], RunTask]
"""What becomes of a task that has not started, from its plan, its state and its parents' states."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A run's next state and what to do about its jobs."""

    run: Run
    start: tuple[TaskId, ...] = ()
    """Tasks that should have a job and have none."""
    withdraw: tuple[TaskId, ...] = ()
    """Tasks whose queued job must not be handed out any more: delete it."""


def advance(
    run: Run, plan: Plan, jobs: Collection[TaskId], now: datetime, queued: Collection[TaskId] = ()
) -> Decision:
    """Decide the next state of *run* (reference, run configuration 6.6 and 6.7).

    *jobs* are the tasks that an executor still holds or that are queued for one; *queued* are those
    of them that no executor has been given yet: a stop or a failure can still withdraw these.
    """
    if run.phase is not Phase.RUNNING:
        return Decision(run=run)
    busy = {task.id for task in run.tasks if task.id in jobs or task.id in queued}
    graph = _Graph(run, plan)
    if run.result is Result.UNKNOWN and not run.stopping:
        graph.try_again(now)
    graph.wake(now)
    graph.settle(_by_conditions, unless=busy)
    result = graph.result(run) if run.result is Result.UNKNOWN else run.result
    if run.stopping:
        graph.settle(_stopped(run.reason), unless=busy.difference(queued))
    elif result is not Result.UNKNOWN:
        graph.settle(_after_result, unless=busy.difference(queued))
    withdraw = tuple(task.id for task in graph if task.id in queued and task.status.is_final)
    is_over = result is not Result.UNKNOWN and graph.is_over and not busy.difference(withdraw)
    return Decision(
        run=replace(
            run,
            result=result,
            phase=Phase.FINISHED if is_over else run.phase,
            ended_at=now if is_over else run.ended_at,
            tasks=tuple(graph.tasks[task.name] for task in run.tasks),
        ),
        start=graph.ready(unless=busy),
        withdraw=withdraw,
    )


class _Graph:
    """A run's tasks on their graph while they are decided on; iterates parents before children."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self.tasks = {task.name: task for task in run.tasks}
        planned = {task.name: task for task in plan.tasks}
        self._order = [
            planned[name] for name in in_order({t.name: [d.task for d in t.depends] for t in plan.tasks})
        ]

    def __iter__(self) -> Iterator[RunTask]:
        return (self.tasks[planned.name] for planned in self._order)

    @property
    def is_over(self) -> bool:
        """Every task is in a state that it cannot leave."""
        return all(task.status.is_final for task in self)

    def try_again(self, now: datetime) -> None:
        """Prepare the next attempt of each task that wants one, unless another has failed the run."""
        ended = [(task, self.tasks[task.name]) for task in self._order]
        again = [(planned, task) for planned, task in ended if may_try_again(planned, task)]
        if again and self._failures() <= {planned.name for planned, _ in again}:
            self.tasks |= {task.name: next_attempt(planned, task, now) for planned, task in again}

    def wake(self, now: datetime) -> None:
        """Let go of what has waited for its time."""
        for task in list(self):
            if task.not_before is not None and task.not_before <= now:
                self.tasks[task.name] = replace(task, not_before=None)

    def settle(self, rule: _Rule, *, unless: Collection[TaskId]) -> None:
        """Apply *rule* to each task that has not started and is not among *unless*."""
        for planned in self._order:
            task = self.tasks[planned.name]
            if task.status is Status.NOT_STARTED and task.id not in unless:
                self.tasks[task.name] = rule(planned, task, self._parents(planned))

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
            for planned in self._order
            for task in [self.tasks[planned.name]]
            if task.status is Status.NOT_STARTED
            and not task.waiting_approval
            and task.not_before is None
            and task.id not in unless
            and all(parent.status.is_final for parent in self._parents(planned))
        )

    def _failures(self) -> set[str]:
        """The tasks that fail the run."""
        return {t.name for t in self._order if not t.ignore_failure and self.tasks[t.name].status in _FAILED}

    def _parents(self, planned: PlanTask) -> list[RunTask]:
        return [self.tasks[depend.task] for depend in planned.depends]


def _by_conditions(planned: PlanTask, task: RunTask, parents: Sequence[RunTask]) -> RunTask:
    """Skip a task that a parent's end rules out; let one whose turn has come wait for its approval."""
    if not all(parent.status.is_final for parent in parents):
        return task
    for depend, parent in zip(planned.depends, parents, strict=True):
        if not _matches(depend, parent):
            return _pass_over(task, Status.SKIPPED, f"{parent.name!r} ended as {parent.status}")
    approved = task.approved or (planned.approval and bool(task.approvers))
    return replace(task, approved=approved, waiting_approval=planned.approval and not approved)


def _after_result(planned: PlanTask, task: RunTask, parents: Sequence[RunTask]) -> RunTask:
    """Begin nothing new once the run has its result; what follows from begun tasks still runs.

    A task that would wait for an approval is cancelled too, or it would keep the run from ending.
    """
    settled = _by_conditions(planned, task, parents)
    is_new = not planned.depends or settled.waiting_approval or task.attempt > 1
    if settled.status is Status.NOT_STARTED and is_new:
        what = "this task" if task.attempt == 1 else f"attempt {task.attempt}"
        return _pass_over(task, Status.CANCELLED, f"the run had its result before {what} could start")
    return settled


def _stopped(reason: str) -> _Rule:
    return lambda _planned, task, _parents: _pass_over(task, Status.SKIPPED, reason or "the run was stopped")


def _pass_over(task: RunTask, status: Status, reason: str) -> RunTask:
    """End a task that does not start (again): between two attempts it was at work and is stopped."""
    status = status if task.attempt == 1 else Status.STOPPED
    return replace(task, status=status, reason=reason, waiting_approval=False, not_before=None)


def _matches(depend: Depend, parent: RunTask) -> bool:
    """Whether any condition of *depend* (on_success when it has none) names how *parent* ended."""
    conditions = depend.conditions or (Condition.ON_SUCCESS,)
    return any(parent.status in _MATCHING.get(condition, ()) for condition in conditions)
