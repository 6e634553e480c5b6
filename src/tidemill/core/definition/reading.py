"""Plain data becomes a definition, or every fault that it has, each at its path."""

from collections.abc import Iterable
from typing import Any

import msgspec

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import Fault, Path, WrongDefinition, shown
from tidemill.core.definition.fields import Fields
from tidemill.core.definition.findings import CheckTemplate, Findings
from tidemill.core.definition.keys.run import WHOLE
from tidemill.core.definition.nouns import Definition, Dialect
from tidemill.core.definition.runs import check_unique, read_run
from tidemill.core.definition.scalars import as_text
from tidemill.core.definition.values import read_registries, read_variables

_EXAMPLE = "`runs: [{name: …, tasks: […]}]`"
_VERSIONS = ("1", "v1")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and what is odd about it without being wrong."""

    definition: Definition
    warnings: tuple[Fault, ...] = ()


def read_definition(
    data: Any, dialect: Dialect = Dialect.TIDEMILL, check_template: CheckTemplate | None = None
) -> Reading:
    """The definition that *data* holds; raises WrongDefinition with every fault that was found.

    What *data* includes must have been put into it before. Faults and warnings are in the order of
    the data. Upper and lower case of keys do not matter, as in Agola; unknown keys get a warning.
    *check_template* looks at the keys of caches.
    """
    findings = Findings(dialect, check_template)
    root = Cursor(data, findings)
    definition = Definition()
    if data is None or root.is_mapping(f"the configuration ({_EXAMPLE})"):
        definition = _read(Fields(root, WHOLE), dialect)
    warnings = _in_order(findings.warnings, data)
    if findings.faults:
        raise WrongDefinition(_in_order(findings.faults, data), warnings)
    return Reading(definition=definition, warnings=tuple(warnings))


def read_includes(data: Any) -> tuple[tuple[Path, str], ...]:
    """The files that the `include` of *data* names, each with the path in *data* where it does.

    What is no text is left out: `read_definition` complains about it.
    """
    if not isinstance(data, dict):
        return ()
    items = Fields(Cursor(data, Findings(Dialect.TIDEMILL)), WHOLE)["include"].one_or_more()
    return tuple((item.path, item.data) for item in items if isinstance(item.data, str))


def _read(fields: Fields, dialect: Dialect) -> Definition:
    _check_version(fields["version"])
    for item in fields["include"].one_or_more():
        _check_include(item)
    variables = read_variables(fields["variables"])
    items = fields["runs"].items()
    if not items and fields["runs"].data in (None, []):
        fields.place.complain(f"no runs defined: write {_EXAMPLE}")
    runs = [(item, run) for item in items for run in [read_run(item)] if run is not None]
    check_unique([(item.at("name", run.name), run.name) for item, run in runs], "run")
    return Definition(
        runs=tuple(run for _, run in runs),
        timeout=fields["task_timeout_interval"].duration(),
        registries=read_registries(fields["docker_registries_auth"]),
        variables=variables,
        dialect=dialect,
    )


def _check_version(cursor: Cursor) -> None:
    data = cursor.data
    is_known = data in _VERSIONS if isinstance(data, str) else data == 1 and not isinstance(data, bool)
    if data is not None and not is_known:
        is_word = isinstance(data, str | int | float) and not isinstance(data, bool)
        what = (
            f"version {shown(data if isinstance(data, str) else as_text(data))}" if is_word else cursor.kind
        )
        cursor.complain(f"{what} of the language is not known: write `version: 1`, or leave it out")


def _check_include(cursor: Cursor) -> None:
    path = cursor.data
    if not isinstance(path, str) or not path:
        cursor.complain("`include` must name files of the repository, such as `ci/checks.yml`")
        return
    parts = path.split("/")
    if "\0" in path or not {"", ".", ".."}.isdisjoint(parts):
        plain = "/".join(part for part in parts if part not in ("", ".", "..")).replace("\0", "")
        instead = shown(plain or "ci/checks.yml")
        cursor.complain(f"{shown(path)} is not written from the root of the repository: write {instead}")


def _in_order(faults: Iterable[Fault], data: Any) -> list[Fault]:
    """Each of *faults* once, in the order in which what they are about stands in *data*."""
    positions: dict[int, dict[str, int]] = {}

    def place(fault: Fault) -> tuple[int, ...]:
        found = []
        here = data
        for step in fault.path:
            if isinstance(here, dict) and step in here:
                if id(here) not in positions:
                    positions[id(here)] = {key: number for number, key in enumerate(here)}
                found.append(positions[id(here)][str(step)])
                here = here[step]
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                found.append(step)
                here = here[step]
            else:
                break
        return tuple(found)

    return sorted(dict.fromkeys(faults), key=place)
