"""Values, environments, credentials and `when`: what several parts of a definition share."""

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import nearest
from tidemill.core.patterns import Pattern, parse_pattern
from tidemill.core.plan import FromVariable, Literal, RegistryAuth, Value
from tidemill.core.when import Conditions, When

#: Names that steps of ours ask values for; a variable must not be taken for one of them.
RESERVED_VARIABLES = frozenset({"clone-token"})

_QUOTED = "put it in quotes, or take it from a variable: `{from_variable: name}`"


def read_environment(cursor: Cursor) -> dict[str, Value]:
    """Variables of the environment by name; every value is text or comes from a variable."""
    entries = cursor.entries(f"`{cursor.key}`")
    for entry in entries:
        if not entry.key or "=" in entry.key or "\0" in entry.key:
            entry.complain(f"{entry.key!r} cannot be the name of an environment variable", at_key=True)
    return {entry.key: read_value(entry) for entry in entries}


def read_value(cursor: Cursor) -> Value:
    """A string, or a mapping with `from_variable`."""
    if isinstance(cursor.data, str):
        if "\0" in cursor.data:
            cursor.complain(f"the value of {cursor.key!r} must not contain a zero byte")
        return Literal(cursor.data)
    if not isinstance(cursor.data, dict):
        cursor.complain(f"the value of {cursor.key!r} must be a string, not {cursor.kind}: {_QUOTED}")
        return Literal("")
    if "from_variable" not in cursor.data:
        near = next((nearest(key, ["from_variable"]) for key in cursor.data), "")
        cursor.complain(f"the value of {cursor.key!r} has no `from_variable`{near or f': {_QUOTED}'}")
        return Literal("")
    variable = cursor.field("from_variable")
    name = variable.string()
    if name in RESERVED_VARIABLES:
        variable.complain(f"the name {name!r} is reserved: use another variable")
    elif not name and isinstance(variable.data, str | None):
        variable.complain("`from_variable` must name a variable")
    return FromVariable(name)


def read_registries(cursor: Cursor) -> dict[str, RegistryAuth]:
    """Credentials by registry."""
    return {entry.key: _registry(entry) for entry in cursor.entries(f"`{cursor.key}`")}


def _registry(cursor: Cursor) -> RegistryAuth:
    if cursor.is_null or not cursor.is_mapping(f"the credentials of {cursor.key!r}"):
        if cursor.is_null:
            cursor.complain(f"the credentials of registry {cursor.key!r} are empty", at_key=True)
        return RegistryAuth()
    values = {
        name: read_value(cursor.field(name))
        for name in ("username", "password", "auth")
        if not cursor.field(name).is_null
    }
    return RegistryAuth(type=cursor.field("type").text() or "basic", **values)


def read_when(cursor: Cursor) -> When | None:
    """Conditions on branch, tag and ref; None where there are none to fulfil."""
    example = "such as `{branch: main}`"
    if not cursor.is_mapping(f"`when` {example}") or cursor.is_null:
        return None
    return When(
        branch=_conditions(cursor.field("branch")),
        tag=_conditions(cursor.field("tag")),
        ref=_conditions(cursor.field("ref")),
    )


def _conditions(cursor: Cursor) -> Conditions | None:
    if cursor.is_null:
        return None
    if not isinstance(cursor.data, dict):
        return Conditions(include=_patterns(cursor))
    known = {"include", "exclude"}
    for entry in cursor.entries("a condition"):
        if entry.key not in known:
            near = nearest(entry.key, known)
            message = f"{entry.key!r} is not known here: a condition has `include` and `exclude`{near}"
            entry.complain(message, at_key=True)
    return Conditions(
        include=_patterns(cursor.at("include", cursor.data.get("include"))),
        exclude=_patterns(cursor.at("exclude", cursor.data.get("exclude"))),
    )


def _patterns(cursor: Cursor) -> tuple[Pattern, ...]:
    if isinstance(cursor.data, list):
        return tuple(_pattern(item) for item in cursor.items("patterns"))
    return () if cursor.is_null else (_pattern(cursor),)


def _pattern(cursor: Cursor) -> Pattern:
    if not isinstance(cursor.data, str):
        cursor.complain(f"a pattern must be a string, not {cursor.kind}: put it in quotes")
        return Pattern(text="")
    try:
        return parse_pattern(cursor.data)
    except ValueError as error:
        cursor.complain(f"{cursor.data!r} is not a regular expression that RE2 understands: {error}")
        return Pattern(text="")
