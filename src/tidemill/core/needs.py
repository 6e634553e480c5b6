"""Which values a task needs before it can run, by the names of their variables."""

from collections.abc import Iterator

from tidemill.core.plan import FromVariable, PlanTask, RunStep, Value


def variables_of(task: PlanTask) -> tuple[str, ...]:
    """The names of variables that *task* refers to, each once, in the order of their appearance."""
    return tuple(dict.fromkeys(_names(task)))


def _names(task: PlanTask) -> Iterator[str]:
    yield from _variables(task.environment)
    for container in task.runtime.containers:
        yield from _variables(container.environment)
    for step in task.steps:
        if isinstance(step, RunStep):
            yield from _variables(step.environment)


def _variables(environment: dict[str, Value]) -> Iterator[str]:
    return (value.name for value in environment.values() if isinstance(value, FromVariable))
