"""A definition becomes plans for one commit and ref (reference, run configuration 6.4, 6.5, 8.1)."""

import msgspec

from tidemill.core.context import Context
from tidemill.core.definition.faults import Fault, WrongDefinition
from tidemill.core.definition.nouns import (
    STEP_TYPES,
    Definition,
    RunDefinition,
    TaskDefinition,
)
from tidemill.core.graph import in_order, levels
from tidemill.core.plan import CloneStep, Plan, PlanTask, RunStep, Step

SKIP_MARK = "[ci skip]"
_DEFAULT_SHELL = "/bin/sh -e"
_NANOSECONDS = 1_000_000_000


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """The plans of a commit, and why other runs of the definition were not made."""

    plans: tuple[Plan, ...] = ()
    skipped: tuple[str, ...] = ()


def compile_definition(definition: Definition, context: Context) -> Compiled:
    """Plans for the runs that are meant for the context's ref; raises WrongDefinition.

    What cannot be done is refused even where it would be skipped, so that it shows early.
    """
    faults = [fault for index, run in enumerate(definition.runs) for fault in _refusals(("runs", index), run)]
    if faults:
        raise WrongDefinition(faults)
    if SKIP_MARK in context.message:
        return Compiled(skipped=(f"no run was made: the commit's message says {SKIP_MARK}",))
    meant = [run for run in definition.runs if run.when is None or run.when.decide(context).matches]
    return Compiled(
        plans=tuple(_plan(definition, run, context) for run in meant),
        skipped=tuple(
            f"run {run.name!r} was not made: its `when` does not match {context.ref.full}"
            for run in definition.runs
            if run not in meant
        ),
    )


def _refusals(path: tuple[str | int, ...], run: RunDefinition) -> list[Fault]:
    return [
        Fault(path=(*path, "tasks", at, "steps", number), message=_refusal(step))
        for at, task in enumerate(run.tasks)
        for number, step in enumerate(each.step for each in task.steps)
        if not isinstance(step, RunStep | CloneStep)
    ]


def _refusal(step: Step) -> str:
    name = next(name for name, kind in STEP_TYPES.items() if isinstance(step, kind))
    return f"not supported yet: `{name}`; there are `clone` and `run`"


def _plan(definition: Definition, run: RunDefinition, context: Context) -> Plan:
    parents = {task.name: [depend.task for depend in task.depends] for task in run.tasks}
    level = levels(parents)
    tasks = {task.name: _task(definition, run, task, context, level[task.name]) for task in run.tasks}
    return Plan(
        name=run.name,
        tasks=tuple(tasks[name] for name in in_order(parents)),
        environment=context.environment,
    )


def _task(
    definition: Definition, run: RunDefinition, task: TaskDefinition, context: Context, level: int
) -> PlanTask:
    return PlanTask(
        name=task.name,
        runtime=task.runtime,
        environment=task.environment,
        working_dir=task.working_dir,
        shell=task.shell or _DEFAULT_SHELL,
        user=task.user,
        steps=tuple(each.step for each in task.steps),
        depends=task.depends,
        level=level,
        ignore_failure=task.ignore_failure,
        approval=task.approval,
        skip=task.when is not None and not task.when.decide(context).matches,
        timeout=_seconds(task.timeout, run.timeout, definition.timeout),
        registries=definition.registries | run.registries | task.registries,
    )


def _seconds(*nanoseconds: int | None) -> float | None:
    """The first limit that is given; 0 is no limit and hides what stands further out."""
    given = next((limit for limit in nanoseconds if limit is not None), 0)
    return given / _NANOSECONDS if given else None
