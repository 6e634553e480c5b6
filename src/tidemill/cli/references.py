"""Which variables the tasks of a plan ask for, and what is known of each without a server."""

from collections.abc import Iterator, Mapping

import msgspec

from tidemill.core.needs import references_of
from tidemill.core.plan import FromVariable, Plan, PlanTask


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
        for value in _asked(task):
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


def _asked(task: PlanTask) -> Iterator[FromVariable]:
    """Those of its environments, and those of its credentials for registries."""
    yield from references_of(task)
    for auth in task.registries.values():
        values = (auth.username, auth.password, auth.auth)
        yield from (value for value in values if isinstance(value, FromVariable))
