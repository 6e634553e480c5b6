"""Plain data becomes a definition, or every fault that it has, each at its path."""

from typing import Any

import msgspec

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import Fault, Path, WrongDefinition
from tidemill.core.definition.nouns import Definition, Dialect
from tidemill.core.definition.tasks import check_unique, read_run
from tidemill.core.definition.values import read_registries

_EXAMPLE = "`runs: [{name: …, tasks: […]}]`"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and what is odd about it without being wrong."""

    definition: Definition
    warnings: tuple[Fault, ...] = ()


def read_definition(data: Any, dialect: Dialect = Dialect.TIDEMILL) -> Reading:
    """The definition that *data* holds; raises WrongDefinition with every fault that was found.

    Unknown keys are ignored, upper and lower case of known ones do not matter, as in Agola.
    """
    root = Cursor(data)
    definition = _read(root, dialect) if root.is_mapping(f"the configuration ({_EXAMPLE})") else None
    if root.faults or definition is None:
        raise WrongDefinition(dict.fromkeys(root.faults))  # a field that is read twice has one fault
    return Reading(definition=definition)


def read_includes(data: Any) -> tuple[tuple[Path, str], ...]:
    """The files that the `include` of *data* names, each with the path in *data* where it does.

    Wrong ones are left out: `read_definition` complains about them.
    """
    included = data.get("include") if isinstance(data, dict) else None
    listed: list[tuple[Path, Any]] = [(("include",), included)] if isinstance(included, str) else []
    if isinstance(included, list):
        listed = [(("include", index), item) for index, item in enumerate(included)]
    return tuple((path, item) for path, item in listed if isinstance(item, str))


def _read(root: Cursor, dialect: Dialect) -> Definition:
    items = root.field("runs").items("`runs`")
    if not items and root.field("runs").data in (None, []):
        root.complain(f"no runs defined: write {_EXAMPLE}")
    runs = [(item, run) for item in items for run in [read_run(item)] if run is not None]
    check_unique([(item, run.name) for item, run in runs], "run")
    return Definition(
        runs=tuple(run for _, run in runs),
        timeout=root.field("task_timeout_interval").duration(),
        registries=read_registries(root.field("docker_registries_auth")),
        dialect=dialect,
    )
