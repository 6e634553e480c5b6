"""What a variable means, read from YAML as Agola's client reads it."""

from collections.abc import Sequence

from tidemill.contracts.gateway.variables import (
    ValueWhen,
    VariableValueRequest,
    WhenCondition,
    WhenConditions,
)
from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.fields import Fields
from tidemill.core.definition.findings import Findings
from tidemill.core.definition.keys.kind import Key, Kind
from tidemill.core.definition.nouns import Dialect
from tidemill.core.definition.when import read_when
from tidemill.core.patterns import Pattern
from tidemill.core.when import Conditions, When
from tidemill.errors import BadRequest
from tidemill.kit.formats.document import NotReadable
from tidemill.kit.formats.reading import read_yaml

_VALUE = Kind(
    name="value",
    what="a value",
    keys={
        "secret_name": Key("The secret's name.", {}),
        "secret_var": Key("The key in its data.", {}),
        "when": Key("On which refs; without it on all.", {}),
    },
)


def parse_meanings(raw: bytes, path: str) -> tuple[VariableValueRequest, ...]:
    """A list of values; raises BadRequest with the place of the first thing that is wrong."""
    try:
        document = read_yaml(raw)
    except NotReadable as error:
        where = f":{error.place.line}:{error.place.column}" if error.place else ""
        raise BadRequest(f"{path}{where}: {error.message}") from error
    if not isinstance(document.data, list) or not document.data:
        raise BadRequest(f"{path} must hold a list such as `- {{secret_name: deploy, secret_var: token}}`")
    findings = Findings(Dialect.AGOLA)
    values = tuple(_value(item) for item in Cursor(document.data, findings).items())
    for fault in (*findings.faults, *findings.warnings):
        line, column = document.place(fault.path, of_key=fault.at_key)
        raise BadRequest(f"{path}:{line}:{column}: {fault.message}")
    return values


def _value(cursor: Cursor) -> VariableValueRequest:
    if not cursor.is_mapping("a value"):
        return VariableValueRequest()
    fields = Fields(cursor, _VALUE)
    for name in ("secret_name", "secret_var"):
        if not fields.has(name):
            cursor.complain(f"a value needs `{name}`")
    when = read_when(fields["when"])
    return VariableValueRequest(
        secret_name=fields["secret_name"].string(),
        secret_var=fields["secret_var"].string(),
        when=None if when is None else _when(when),
    )


def _when(when: When) -> ValueWhen:
    return ValueWhen(branch=_conditions(when.branch), tag=_conditions(when.tag), ref=_conditions(when.ref))


def _conditions(conditions: Conditions | None) -> WhenConditions | None:
    if conditions is None:
        return None
    return WhenConditions(
        include=_patterns(conditions.include) or None, exclude=_patterns(conditions.exclude) or None
    )


def _patterns(patterns: Sequence[Pattern]) -> tuple[WhenCondition, ...]:
    return tuple(WhenCondition(type=each.kind, match=each.text) for each in patterns)
