"""Which variables the tasks of a plan ask for, and what is known of each without a server."""

from collections.abc import Iterator, Mapping

import msgspec

from tidemill.core.plan import FromVariable, Plan, PlanTask, RunStep, Value


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A variable that tasks of a run ask for."""

    run: str
    name: str
    given: bool
    """The command line gives it; its value is not shown."""
    default: str | None
    """What the configuration says for when nobody gives it."""
    tasks: tuple[str, ...]


def references(plan: Plan, given: Mapping[str, str]) -> tuple[Reference, ...]:
    """The variables of *plan*, in the order of their names."""
    found: dict[str, tuple[FromVariable, list[str]]] = {}
    for task in plan.tasks:
        for value in _values(task):
            if isinstance(value, FromVariable):
                found.setdefault(value.name, (value, []))[1].append(task.name)
    return tuple(
        Reference(
            run=plan.name,
            name=name,
            given=name in given,
            default=value.default,
            tasks=tuple(dict.fromkeys(tasks)),
        )
        for name, (value, tasks) in sorted(found.items())
    )


def _values(task: PlanTask) -> Iterator[Value]:
    yield from task.environment.values()
    for container in task.runtime.containers:
        yield from container.environment.values()
    for step in task.steps:
        if isinstance(step, RunStep):
            yield from step.environment.values()
    for auth in task.registries.values():
        yield from (auth.username, auth.password, auth.auth)
