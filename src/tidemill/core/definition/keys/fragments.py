"""What may stand at a key, as parts of a JSON Schema."""

from collections.abc import Iterable

from tidemill.core.definition.keys.kind import Schema

#: Anything that becomes a string.
TEXT: Schema = {"type": ["string", "number", "boolean"]}
STRING: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
#: What keeps its text when YAML reads it without quotes.
WORD: Schema = {"type": ["string", "integer", "boolean"]}
#: A string that a matrix fills in.
PLACEHOLDER: Schema = {"type": "string", "pattern": r"\$\{matrix\."}

_UNITS = "(ns|us|µs|μs|ms|s|m|h)"
_AMOUNT = r"([0-9]+\.?[0-9]*|\.[0-9]+)"
_SUFFIX = r"([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]{1,2})?"


def ref(name: str) -> Schema:
    """What the definition of that name says."""
    return {"$ref": f"#/$defs/{name}"}


def list_of(item: Schema, *, least: int = 0) -> Schema:
    """A list."""
    return {"type": "array", "items": item} | ({"minItems": least} if least else {})


def one_or_list(item: Schema) -> Schema:
    """One, or a list."""
    return {"anyOf": [item, list_of(item)]}


def map_of(value: Schema) -> Schema:
    """A mapping whose keys are names."""
    return {"type": "object", "additionalProperties": value}


def words(known: Iterable[str | int]) -> Schema:
    """One of these."""
    return {"anyOf": [{"enum": list(known)}, PLACEHOLDER]}


def _written(number: Schema, pattern: str) -> Schema:
    return {"anyOf": [number, {"type": "string", "pattern": f"^{pattern}$"}, PLACEHOLDER]}


NAME: Schema = {"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 100}
#: A duration: nanoseconds, or text such as `1h30m`.
DURATION = _written({"type": "integer"}, rf"([-+]?({_AMOUNT}{_UNITS})+|[-+]?0)")
#: A duration that is not negative.
SPAN = _written({"type": "integer", "minimum": 0}, rf"(\+?({_AMOUNT}{_UNITS})+|[-+]?0)")
#: A Kubernetes quantity.
QUANTITY = _written({"type": "number"}, rf"[-+]?{_AMOUNT}{_SUFFIX}")
#: A Kubernetes quantity of something.
AMOUNT = _written({"type": "number", "exclusiveMinimum": 0}, rf"\+?{_AMOUNT}{_SUFFIX}")

VALUE = ref("value")
ENVIRONMENT = map_of(VALUE)
REGISTRIES = map_of(ref("registry"))
WHEN = ref("when")
VARIABLES = map_of(STRING)
