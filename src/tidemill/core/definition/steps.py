"""The steps of a task, in both of their forms (reference, run configuration 3.1)."""

from typing import Any

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import Fields
from tidemill.core.definition.keys.step import COMMON, OURS, STEPS
from tidemill.core.definition.nouns import StepDefinition
from tidemill.core.definition.step_kinds import read_kind
from tidemill.core.definition.when import read_when
from tidemill.core.when import When

_AGOLA_STEPS = tuple(name for name in STEPS if name not in OURS)


def read_step(cursor: Cursor) -> StepDefinition | None:
    """`{type: run, command: …}` or `{run: …}`; None after complaining about what is neither."""
    data = cursor.data
    if not isinstance(data, dict) or not data:
        cursor.complain(f"a step must be a mapping such as `run: make` or `clone:`, not {_found(cursor)}")
        return None
    if "type" in data:
        return _normal(cursor, cursor.at("type", data["type"]))
    if len(data) == 1 or not cursor.findings.is_agola:
        return _short(cursor, data)
    cursor.complain(
        "a step with several keys needs a `type`; or give it one key, the type, and the rest below that"
    )
    return None


def _normal(cursor: Cursor, type_: Cursor) -> StepDefinition | None:
    name = type_.string()
    if not name and isinstance(type_.data, str | None):
        type_.complain(f"`type` must name the type of the step: {listed(_known(cursor))}")
    if not name or not _is_known(name, type_):
        return None
    return _read(name, Fields(cursor, STEPS[name], beside=("type",)))


def _short(cursor: Cursor, data: dict[str, Any]) -> StepDefinition | None:
    """The form whose type is a key; in `.tidemill/` common fields, or all of them, may stand beside it."""
    known = _known(cursor)
    types = [key for key in data if key in known]
    if len(data) == 1:
        types = list(data)
    if len(types) > 1:
        cursor.at(types[1], None).complain(
            f"a step has one type, not both {shown(types[0])} and {shown(types[1])}: make two steps of it",
            at_key=True,
        )
        return None
    if not types:
        _complain_of_no_type(cursor, data)
        return None
    (name,) = types
    spec = cursor.at(name, data[name])
    if not _is_known(name, spec, at_key=True):
        return None
    if isinstance(spec.data, dict):
        fields = Fields(spec, STEPS[name])
        for key, value in data.items():
            if key != name:
                fields.take(cursor.at(key, value), COMMON)
    elif spec.is_null or (name == "run" and isinstance(spec.data, str)):
        fields = Fields(cursor, STEPS[name], beside=(name,))
        if not spec.is_null:
            fields.put("command", spec)
    else:
        spec.complain(f"the step {shown(name)} must be a mapping, not {spec.kind}")
        return None
    return _read(name, fields)


def _complain_of_no_type(cursor: Cursor, data: dict[str, Any]) -> None:
    """Complain at the key that looks most like a type."""
    known = _known(cursor)
    for key in data:
        if key not in COMMON and (near := cursor.findings.nearest(key, known)):
            cursor.at(key, None).complain(f"unknown step type {shown(key)}{near}", at_key=True)
            return
    cursor.complain(f"a step needs a type as one of its keys: there are {listed(known)}")


def _read(name: str, fields: Fields) -> StepDefinition:
    step = read_kind(name, fields)
    return StepDefinition(step=step, when=_when(fields))


def _when(fields: Fields) -> When | None:
    cursor = fields["when"]
    when = read_when(cursor)
    if when is not None and cursor.findings.is_agola:
        cursor.warn(
            "`when` of a step is ignored in `.agola/`: move the configuration to `.tidemill/`", at_key=True
        )
        return None
    return when


def _known(cursor: Cursor) -> tuple[str, ...]:
    return _AGOLA_STEPS if cursor.findings.is_agola else tuple(STEPS)


def _is_known(name: str, place: Cursor, *, at_key: bool = False) -> bool:
    known = _known(place)
    if name in known:
        return True
    if name in OURS:
        why = ": there are none in `.agola/`, move the configuration to `.tidemill/`"
    else:
        why = place.findings.nearest(name, known) or f": there are {listed(known)}"
    place.complain(f"unknown step type {shown(name)}{why}", at_key=at_key)
    return False


def _found(cursor: Cursor) -> str:
    if isinstance(cursor.data, str) and cursor.data in STEPS:
        return f"the word {shown(cursor.data)}: put a colon after it"
    return "an empty one" if cursor.data == {} else cursor.kind
