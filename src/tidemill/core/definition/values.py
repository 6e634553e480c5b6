"""Values, environments, variables and credentials: what several parts of a definition share."""

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import Fields, fields_of
from tidemill.core.definition.keys.run import REGISTRY, VALUE
from tidemill.core.definition.nouns import FromInput
from tidemill.core.plan import FromVariable, Literal, RegistryAuth, Value

#: Names that steps of ours ask values for; a variable must not be taken for one of them.
RESERVED_VARIABLES = frozenset({"clone-token"})

_REGISTRY_TYPES = ("basic", "encodedauth")
_QUOTED = "put it in quotes, or take it from a variable: `{from_variable: name}`"


def read_environment(cursor: Cursor) -> dict[str, Value]:
    """Variables of the environment by name; every value is text or comes from a variable or an input."""
    entries = cursor.entries()
    for entry in entries:
        if not entry.key or "=" in entry.key or "\0" in entry.key:
            entry.complain(f"{shown(entry.key)} cannot be the name of an environment variable", at_key=True)
    return {entry.key: read_value(entry) for entry in entries}


def read_value(cursor: Cursor) -> Value:
    """A string, or a mapping with `from_variable` or `from_input`."""
    if isinstance(cursor.data, str):
        if "\0" in cursor.data:
            cursor.complain(f"the value of {shown(cursor.key)} must not contain a zero byte")
        return Literal(cursor.data)
    if not isinstance(cursor.data, dict):
        cursor.complain(f"the value of {shown(cursor.key)} must be a string, not {cursor.kind}: {_QUOTED}")
        return Literal("")
    known = VALUE.known(in_agola=cursor.findings.is_agola)
    if any(key in known for key in cursor.data):
        fields = Fields(cursor, VALUE)
        if "from_variable" not in cursor.data:
            return _from_input(fields["from_input"])
        if fields.has("from_input"):
            both = "a value has `from_variable` or `from_input`, not both"
            fields["from_input"].complain(both, at_key=True)
        return _from_variable(fields["from_variable"])
    near = next((near for key in cursor.data if (near := cursor.findings.nearest(key, known))), "")
    cursor.complain(f"the value of {shown(cursor.key)} has no `from_variable`{near or f': {_QUOTED}'}")
    return Literal("")


def _from_variable(cursor: Cursor) -> FromVariable:
    name = cursor.string()
    if name in RESERVED_VARIABLES:
        cursor.complain(f"the name {shown(name)} is reserved: use another variable")
    elif not name and isinstance(cursor.data, str | None):
        cursor.complain("`from_variable` must name a variable")
    return FromVariable(name)


def _from_input(cursor: Cursor) -> FromInput:
    name = cursor.string()
    known = cursor.findings.inputs
    if known is None:
        cursor.complain("`from_input` can stand only inside a run, which has `inputs`", at_key=True)
    elif isinstance(cursor.data, str | None) and name not in known:
        near = cursor.findings.nearest(name, known)
        there_are = f"it has {listed(known)}" if known else "it has none: write `inputs`"
        cursor.complain(f"{shown(name)} is not an input of this run{near or f': {there_are}'}")
    return FromInput(name)


def read_variables(cursor: Cursor) -> dict[str, str]:
    """Variables of a configuration by name; their values are plain text."""
    found = {}
    for entry in cursor.entries():
        if not entry.key or "\0" in entry.key or entry.key in RESERVED_VARIABLES:
            entry.complain(f"{shown(entry.key)} cannot be the name of a variable", at_key=True)
        if entry.is_null:
            entry.complain(f'the variable {shown(entry.key)} is empty: write `""` for an empty text')
        if isinstance(entry.data, str) and "\0" in entry.data:
            entry.complain(f"the value of {shown(entry.key)} must not contain a zero byte")
        found[entry.key] = entry.string()
    return found


def read_registries(cursor: Cursor) -> dict[str, RegistryAuth]:
    """Credentials by registry."""
    return {entry.key: _registry(entry) for entry in cursor.entries()}


def _registry(cursor: Cursor) -> RegistryAuth:
    if cursor.is_null:
        cursor.complain(f"the credentials of registry {shown(cursor.key)} are empty", at_key=True)
        return RegistryAuth()
    fields = fields_of(cursor, REGISTRY)
    if fields is None:
        return RegistryAuth()
    values = {name: read_value(fields[name]) for name in ("username", "password", "auth") if fields.has(name)}
    type_ = fields["type"]
    name = type_.text() or "basic"
    if name not in _REGISTRY_TYPES and isinstance(type_.data, str):
        near = cursor.findings.nearest(name, _REGISTRY_TYPES)
        type_.warn(
            f"unknown type of credentials {shown(name)}{near or f': there are {listed(_REGISTRY_TYPES)}'}"
        )
    return RegistryAuth(type=name, **values)
