"""The next state of a run: which tasks start, which are passed over, when it is finished.

One call reaches the fixed point: tasks are visited after all they depend on, so that advancing the
answer again changes nothing, and the order in which tasks are listed does not matter.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from tidemill.core.plan import Plan
from tidemill.core.run import Phase, Result, Run, TaskId
from tidemill.core.settling import Graph, after_result, by_conditions, failed_fast, stopped
from tidemill.core.spans import span

FAILED_FAST = "another task has failed"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A run's next state and what to do about its jobs."""

    run: Run
    start: tuple[TaskId, ...] = ()
    """Tasks that should have a job and have none."""
    withdraw: tuple[TaskId, ...] = ()
    """Tasks whose queued job must not be handed out any more: delete it."""
    stop: tuple[TaskId, ...] = ()
    """Tasks whose job has to be stopped by the executor that holds it."""


def advance(
    run: Run, plan: Plan, jobs: Collection[TaskId], now: datetime, queued: Collection[TaskId] = ()
) -> Decision:
    """Decide the next state of *run* (reference, run configuration 6.6 and 6.7).

    *jobs* are the tasks that an executor still holds or that are queued for one; *queued* are those
    of them that no executor has been given yet: a stop or a failure can still withdraw these.
    """
    if run.phase is not Phase.RUNNING:
        return Decision(run=run)
    busy = {*jobs, *queued}.intersection([task.id for task in run.tasks])
    graph = Graph(run, plan, now)
    if run.result is Result.UNKNOWN and not run.stopping:
        graph.try_again()
    graph.wake()
    graph.settle(by_conditions, unless=busy)
    result = graph.result(run) if run.result is Result.UNKNOWN else run.result
    run, result = _in_time(run, plan, graph, result)
    is_hasty = plan.fail_fast and result is Result.FAILED
    if run.stopping:
        graph.settle(stopped(run.reason), unless=busy.difference(queued))
    elif result is not Result.UNKNOWN:
        rule = failed_fast(FAILED_FAST) if is_hasty else after_result
        graph.settle(rule, unless=busy.difference(queued))
    withdraw: tuple[TaskId, ...] = ()
    if queued:
        withdraw = tuple(task.id for task in graph if task.id in queued and task.status.is_final)
    held = busy.difference(withdraw)
    stop: tuple[TaskId, ...] = ()
    if run.stopping or is_hasty:
        stop = graph.stopping(held, run.reason if run.stopping else FAILED_FAST, spared=not run.stopping)
    is_over = result is not Result.UNKNOWN and graph.is_over and not held
    return Decision(
        run=replace(
            run,
            result=result,
            phase=Phase.FINISHED if is_over else run.phase,
            ended_at=now if is_over else run.ended_at,
            warnings=graph.warnings(),
            tasks=tuple(graph.tasks.values()),
        ),
        start=graph.ready(unless=busy),
        withdraw=withdraw,
        stop=stop,
    )


def _in_time(run: Run, plan: Plan, graph: Graph, result: Result) -> tuple[Run, Result]:
    """Stop a run that has taken longer than it may; it has failed then, unless it had its result."""
    if plan.timeout is None or run.stopping:
        return run, result
    if run.deadline is None:
        run = replace(run, deadline=(run.started_at or graph.now) + timedelta(seconds=plan.timeout))
    if run.deadline is None or graph.now < run.deadline or graph.is_over:
        return run, result
    reason = f"the run took longer than {span(plan.timeout)}"
    return replace(run, stopping=True, reason=reason), Result.FAILED if result is Result.UNKNOWN else result
