"""The JSON Schema of a configuration in `.tidemill/`, made from the tables of keys.

It is strict: what gets a warning when it is read does not validate. What no schema can say (names that
are known, graphs, regular expressions, keys in another case) is left to `tidemill lint`.
"""

from typing import Any

from tidemill.core.definition.depends import CONDITIONS as DEPEND_CONDITIONS
from tidemill.core.definition.keys import run, step, task, when
from tidemill.core.definition.keys.fragments import STRING, list_of, ref, words
from tidemill.core.definition.keys.kind import Key, Kind, Schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: Kinds of mappings that are nothing but their keys.
_PLAIN = (
    run.RUN,
    run.INPUT,
    run.CONCURRENCY,
    run.REGISTRY,
    task.TASK,
    task.RUNTIME,
    task.RESOURCES,
    task.CONTAINER,
    task.READINESS,
    task.VOLUME,
    task.TMPFS,
    task.MATRIX,
    task.APPROVAL,
    task.RETRY,
    when.WHEN,
    when.CONDITIONS,
    when.EVENT_CONDITIONS,
    step.CONTENT,
)


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, of the data that the text of a configuration holds."""
    defs = {kind.name: _mapping(kind) for kind in _PLAIN}
    defs["value"] = {"anyOf": [STRING, _mapping(run.VALUE)]}
    defs["condition"] = words(DEPEND_CONDITIONS)
    defs["depend"] = _depend()
    defs |= {kind.name: _step(name, kind) for name, kind in step.STEPS.items()}
    defs["step"] = {"anyOf": [ref(kind.name) for kind in step.STEPS.values()]}
    return {
        "$schema": _DIALECT,
        "title": "Tidemill run configuration",
        **_mapping(run.WHOLE),
        "$defs": defs,
    }


def _mapping(kind: Kind) -> Schema:
    """A mapping of this kind; other spellings of a key are allowed, and not proposed by editors."""
    others = {f"^{other}$": kind.keys[key].schema for other, key in kind.spellings.items()}
    return _object(kind.keys) | kind.rules | ({"patternProperties": others} if others else {})


def _object(keys: dict[str, Key]) -> Schema:
    required = [name for name, key in keys.items() if key.required]
    properties = {name: _property(key) for name, key in keys.items()}
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _property(key: Key) -> Schema:
    """What may stand at a key: where it is not required, null is as good as nothing."""
    about: Schema = {"description": key.about}
    if key.required:
        return about | key.schema
    if set(key.schema) == {"type"}:
        types = key.schema["type"]
        return about | {"type": [*([types] if isinstance(types, str) else types), "null"]}
    return about | {"anyOf": [key.schema, {"type": "null"}]}


def _depend() -> Schema:
    name = {"type": "string", "minLength": 1}
    short = {
        "type": "object",
        "additionalProperties": list_of(ref("condition")),
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [name, _mapping(task.DEPEND), short]}


def _step(name: str, kind: Kind) -> Schema:
    """The forms of a step: with `type`; with its type as a key, and the rest below or beside it."""
    type_ = {"type": Key("The type of the step.", {"const": name}, required=True)}
    below = {name: Key("The type of the step, and its fields.", _mapping(kind), required=True)}
    null = {name: Key("The type of the step.", {"type": "null"}, required=True)}
    forms = [
        _object(type_ | kind.keys) | kind.rules,
        _object(below | step.COMMON),
        _object(null | kind.keys) | kind.rules,
    ]
    if name == "run":
        command = {name: Key("The command.", step.SOME_TEXT, required=True)}
        beside = {key: value for key, value in kind.keys.items() if key != "command"}
        forms.append(_object(command | beside))
    return {"anyOf": forms}
