"""The tables of keys and the readers know the same keys."""

from collections.abc import Callable
from typing import Any

import pytest

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import WrongDefinition
from tidemill.core.definition.fields import Fields
from tidemill.core.definition.findings import Findings
from tidemill.core.definition.keys import run, step, task, when
from tidemill.core.definition.keys.kind import Kind
from tidemill.core.definition.nouns import Dialect
from tidemill.core.definition.reading import read_definition

#: What no key may have.
WRONG: Any = [[["x"]]]

Whole = Callable[[dict[str, Any]], dict[str, Any]]


def of_run(mapping: dict[str, Any]) -> dict[str, Any]:
    return {"runs": [{"name": "r"} | mapping]}


def of_task(mapping: dict[str, Any]) -> dict[str, Any]:
    return of_run({"tasks": [{"name": "t", "runtime": {"type": "host"}} | mapping]})


def of_container(mapping: dict[str, Any]) -> dict[str, Any]:
    return of_task({"runtime": {"containers": [{}, mapping]}})


#: A configuration around a mapping of each kind.
PLACES: dict[str, tuple[Kind, Whole]] = {
    kind.name: (kind, whole)
    for kind, whole in [
        (run.WHOLE, lambda it: {"runs": [{"name": "r"}]} | it),
        (run.RUN, of_run),
        (run.INPUT, lambda it: of_run({"inputs": {"a": {"type": "choice"} | it}})),
        (run.CONCURRENCY, lambda it: of_run({"concurrency": it})),
        (run.REGISTRY, lambda it: of_run({"docker_registries_auth": {"d": it}})),
        (run.VALUE, lambda it: of_task({"environment": {"A": it}})),
        (task.TASK, of_task),
        (task.RUNTIME, lambda it: of_task({"runtime": it})),
        (task.RESOURCES, lambda it: of_task({"runtime": {"type": "host", "resources": it}})),
        (task.CONTAINER, of_container),
        (task.READINESS, lambda it: of_container({"readiness": it})),
        (task.VOLUME, lambda it: of_container({"volumes": [it]})),
        (task.TMPFS, lambda it: of_container({"volumes": [{"tmpfs": it}]})),
        (task.MATRIX, lambda it: of_task({"matrix": it})),
        (task.RETRY, lambda it: of_task({"retry": it})),
        (task.APPROVAL, lambda it: of_task({"approval": it})),
        (task.DEPEND, lambda it: of_task({"depends": [{"task": "t"} | it]})),
        (when.WHEN, lambda it: of_task({"when": it})),
        (when.CONDITIONS, lambda it: of_task({"when": {"branch": it}})),
        (when.EVENT_CONDITIONS, lambda it: of_task({"when": {"event": it}})),
        (step.CONTENT, lambda it: of_task({"steps": [{"save_cache": {"key": "k", "contents": [it]}}]})),
        *(
            (kind, lambda it, name=name: of_task({"steps": [{"type": name} | it]}))
            for name, kind in step.STEPS.items()
        ),
    ]
}
#: Kinds that Agola's files have no place for, or that are refused there without their own keys.
NOT_IN_AGOLA = {"value", "approval", *(f"step_{name}" for name in step.OURS)}
KEYS = [(name, key) for name, (kind, _) in PLACES.items() for key in kind.keys]


def said(data: dict[str, Any], dialect: Dialect) -> tuple[list[str], list[str]]:
    """The keys on the ways to the faults, and to the warnings."""
    try:
        reading = read_definition(data, dialect)
    except WrongDefinition as wrong:
        return (
            [str(part) for fault in wrong.faults for part in fault.path],
            [str(part) for fault in wrong.warnings for part in fault.path],
        )
    return [], [str(part) for fault in reading.warnings for part in fault.path]


@pytest.mark.parametrize(("kind", "key"), KEYS)
def test_every_key_of_the_table_is_read(kind: str, key: str) -> None:
    """A value that no key may have is complained about at every key; where it is ours, not in Agola's files."""
    table, whole = PLACES[kind]
    faults, _ = said(whole({key: WRONG}), Dialect.TIDEMILL)
    assert key in faults
    if table.keys[key].ours and kind not in NOT_IN_AGOLA:
        faults, warnings = said(whole({key: WRONG}), Dialect.AGOLA)
        assert (key in faults, key in warnings) == (False, True)


def test_every_kind_is_in_the_table_of_this_test() -> None:
    """No kind of mapping goes without these tests."""
    kinds = {
        thing.name
        for module in (run, task, when, step)
        for thing in vars(module).values()
        if isinstance(thing, Kind)
    }
    assert kinds | {kind.name for kind in step.STEPS.values()} == set(PLACES)


def test_a_key_that_is_not_in_the_table_cannot_be_asked_for() -> None:
    """So no reader knows more than the table."""
    fields = Fields(Cursor({}, Findings(Dialect.TIDEMILL)), task.TASK)
    assert fields["name"].is_null
    with pytest.raises(KeyError):
        fields["nmae"]
