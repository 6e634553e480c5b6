"""Making a failure small: less goes wrong, fewer runs, fewer tasks, as long as the same is violated."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tests.simulation.scenario import Fault, PlannedRun, Scenario
from tidemill.core.plan import Plan, PlanTask, Retry, RunStep

#: Worlds that may be tried; enough for the largest scenario, twice.
_TRIES = 400


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """The smallest scenario that was found to fail too."""
    tries = 0
    while True:
        for smaller in _smaller(scenario):
            tries += 1
            if tries > _TRIES:
                return scenario
            if fails(smaller):
                scenario = smaller
                break
        else:
            return scenario


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Scenarios with a little less, those with much less first."""
    yield from _halves(scenario)
    yield from (replace(scenario, faults=faults) for faults in _without_one(scenario.faults))
    yield from (replace(scenario, deeds=deeds) for deeds in _without_one(scenario.deeds))
    for number in range(len(scenario.runs)):
        yield _without_run(scenario, number)
    if scenario.noise:
        yield replace(scenario, noise=0.0)
    if scenario.schedulers > 1:
        yield replace(scenario, schedulers=1)
    if scenario.runservices > 1:
        yield replace(scenario, runservices=1)
    if len(scenario.executors) > 1:
        yield replace(scenario, executors=scenario.executors[:-1])
    for number, run in enumerate(scenario.runs):
        yield from (_with_plan(scenario, number, plan) for plan in _smaller_plans(run.plan))
    for number, fault in enumerate(scenario.faults):
        yield from (_with_fault(scenario, number, smaller) for smaller in _milder(fault))


def _halves(scenario: Scenario) -> Iterator[Scenario]:
    if len(scenario.faults) > 3:
        middle = len(scenario.faults) // 2
        yield replace(scenario, faults=scenario.faults[:middle])
        yield replace(scenario, faults=scenario.faults[middle:])


def _without_one(things: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    for number in reversed(range(len(things))):
        yield (*things[:number], *things[number + 1 :])


def _without_run(scenario: Scenario, number: int) -> Scenario:
    """The numbers of the runs behind it move up in what people ask for."""
    deeds = [deed for deed in scenario.deeds if deed.run != number]
    return replace(
        scenario,
        runs=(*scenario.runs[:number], *scenario.runs[number + 1 :]),
        deeds=tuple(replace(deed, run=deed.run - (deed.run > number)) for deed in deeds),
    )


def _with_plan(scenario: Scenario, number: int, plan: Plan) -> Scenario:
    run: PlannedRun = replace(scenario.runs[number], plan=plan)
    return replace(scenario, runs=(*scenario.runs[:number], run, *scenario.runs[number + 1 :]))


def _smaller_plans(plan: Plan) -> Iterator[Plan]:
    needed = {depend.task for task in plan.tasks for depend in task.depends}
    for task in reversed(plan.tasks):
        if task.name not in needed and len(plan.tasks) > 1:
            yield replace(plan, tasks=tuple(one for one in plan.tasks if one is not task))
    plain = replace(plan, fail_fast=False, timeout=None, concurrency=None)
    if plain != plan:
        yield plain
    for number, task in enumerate(plan.tasks):
        for simpler in _simpler(task):
            yield replace(plan, tasks=(*plan.tasks[:number], simpler, *plan.tasks[number + 1 :]))


def _simpler(task: PlanTask) -> Iterator[PlanTask]:
    if len(task.steps) > 1:
        yield from (replace(task, steps=steps) for steps in _without_one(task.steps))
    usual = PlanTask(name=task.name)
    for field in ("environment", "ignore_failure", "approval", "approval_expires", "timeout", "skip"):
        if getattr(task, field) != getattr(usual, field):
            yield replace(task, **{field: getattr(usual, field)})
    if task.retry != Retry():
        yield replace(task, retry=Retry())
    for number, step in enumerate(task.steps):
        plain = RunStep(name=step.name, command=step.command, tty=False)
        if step != plain:
            yield replace(task, steps=(*task.steps[:number], plain, *task.steps[number + 1 :]))


def _milder(fault: Fault) -> Iterator[Fault]:
    if fault.seconds > 1 and fault.kind != "skew":
        yield replace(fault, seconds=round(fault.seconds / 2, 2))


def _with_fault(scenario: Scenario, number: int, fault: Fault) -> Scenario:
    return replace(scenario, faults=(*scenario.faults[:number], fault, *scenario.faults[number + 1 :]))
