"""A definition becomes plans for one commit and ref (reference, run configuration 6.4, 6.5, 8.1)."""

import msgspec
from msgspec.structs import replace

from tidemill.core.binding import Binding, bound_concurrency
from tidemill.core.context import Context
from tidemill.core.decisions import Decision
from tidemill.core.definition.faults import WrongDefinition
from tidemill.core.definition.nouns import Definition, RunDefinition, TaskDefinition
from tidemill.core.graph import in_order, levels
from tidemill.core.inputs import environment_name, input_environment, input_faults, input_values
from tidemill.core.plan import Literal, Plan, PlanTask, Step, Value
from tidemill.core.selection import Selection, passed_over, select

_DEFAULT_SHELL = "/bin/sh -e"
_NANOSECONDS = 1_000_000_000


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """The plans of a commit, and what was decided about each part of the definition."""

    plans: tuple[Plan, ...] = ()
    skipped: tuple[str, ...] = ()
    """Why runs were not made, a sentence each."""
    decisions: tuple[Decision, ...] = ()


def compile_definition(definition: Definition, context: Context) -> Compiled:
    """Plans for the runs that are meant on the context's occasion.

    Raises WrongDefinition when inputs that were given by hand are wrong, or needed ones are missing.
    """
    selections = [select(run, context) for run in definition.runs]
    meant = {index: run for index, run in enumerate(definition.runs) if selections[index].is_made}
    if faults := input_faults(definition, context, meant):
        raise WrongDefinition(faults)
    return Compiled(
        plans=tuple(_plan(definition, run, selections[index], context) for index, run in meant.items()),
        skipped=passed_over(selections, context),
        decisions=tuple(decision for selection in selections for decision in selection.decisions),
    )


def _plan(definition: Definition, run: RunDefinition, selection: Selection, context: Context) -> Plan:
    inputs = input_values(run, context)
    binding = Binding(inputs=inputs, variables=definition.variables | run.variables)
    parents = {task.name: [depend.task for depend in task.depends] for task in run.tasks}
    level = levels(parents)
    tasks = {
        task.name: _task(definition, run, task, binding, selection, level[task.name]) for task in run.tasks
    }
    return Plan(
        name=run.name,
        tasks=tuple(tasks[name] for name in in_order(parents)),
        environment=context.environment | input_environment(inputs),
        inputs=inputs,
        concurrency=bound_concurrency(run.concurrency, run.name, context.ref),
        fail_fast=run.fail_fast,
        timeout=run.run_timeout,
    )


def _task(
    definition: Definition,
    run: RunDefinition,
    task: TaskDefinition,
    binding: Binding,
    selection: Selection,
    level: int,
) -> PlanTask:
    reason = selection.skips.get(task.name, "")
    return PlanTask(
        name=task.name,
        runtime=binding.runtime(task.runtime),
        environment=_matrix_environment(task.matrix) | binding.environment(task.environment),
        working_dir=task.working_dir,
        shell=task.shell or _DEFAULT_SHELL,
        user=task.user,
        steps=_steps(task, binding, selection),
        depends=task.depends,
        level=level,
        ignore_failure=task.ignore_failure,
        approval=task.approval,
        approvers=task.approvers,
        approval_expires=task.approval_expires,
        skip=bool(reason),
        skip_reason=reason,
        timeout=_seconds(task.timeout, run.timeout, definition.timeout),
        registries=binding.registries(definition.registries | run.registries | task.registries),
        matrix=task.matrix,
        retry=task.retry,
    )


def _steps(task: TaskDefinition, binding: Binding, selection: Selection) -> tuple[Step, ...]:
    skips = selection.step_skips.get(task.name, {})
    bound = [binding.step(each.step) for each in task.steps]
    for number, reason in skips.items():
        bound[number] = replace(bound[number], skip=reason)
    return tuple(bound)


def _matrix_environment(matrix: dict[str, str]) -> dict[str, Value]:
    return {f"MATRIX_{environment_name(axis)}": Literal(value) for axis, value in matrix.items()}


def _seconds(*nanoseconds: int | None) -> float | None:
    """The first limit that is given; 0 is no limit and hides what stands further out."""
    given = next((limit for limit in nanoseconds if limit is not None), 0)
    return given / _NANOSECONDS if given else None
