"""Which values a task needs before it can run, by the names of their variables."""

from collections.abc import Iterator

from tidemill.core.plan import FromVariable, PlanTask, RunStep


def variables_of(task: PlanTask) -> tuple[str, ...]:
    """The names of variables that *task* refers to, each once, in the order of their appearance."""
    return tuple(dict.fromkeys(value.name for value in references_of(task)))


def references_of(task: PlanTask) -> Iterator[FromVariable]:
    """What stands for variables in the environments of *task*, its containers and its steps."""
    environments = [task.environment, *(container.environment for container in task.runtime.containers)]
    environments += [step.environment for step in task.steps if isinstance(step, RunStep)]
    for environment in environments:
        yield from (value for value in environment.values() if isinstance(value, FromVariable))
