"""Words and types of the description as HTML: backticks become code, types lead to their schemas."""

import re
from html import escape
from typing import Any

Json = dict[str, Any]

_MARK = re.compile(r"`([^`]+)`|\*([^*\s][^*]*)\*")
_PLAIN = {"integer": "integer", "number": "number", "boolean": "boolean", "null": "null", "string": "text"}


def marked(text: str) -> str:
    """One paragraph of docstrings."""
    done, at = "", 0
    for found in _MARK.finditer(text):
        done += escape(text[at : found.start()])
        kind, inner = ("code", found[1]) if found[1] is not None else ("em", found[2])
        done += f"<{kind}>{escape(inner)}</{kind}>"
        at = found.end()
    return done + escape(text[at:])


def paragraphs(text: str) -> str:
    """Several of them."""
    return "".join(f"<p>{marked(' '.join(part.split()))}</p>" for part in text.split("\n\n") if part.strip())


def type_of(schema: Json) -> str:
    """What something must be, in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_of(one) for one in schema[key]))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    return _named(schema) + _bounds(schema)


def _named(schema: Json) -> str:
    kind = schema.get("type")
    if kind == "array":
        return f"list of {type_of(schema['items'])}" if schema.get("items") else "list"
    if kind == "object":
        held = schema.get("additionalProperties")
        return f"names to {type_of(held)}" if isinstance(held, dict) else "object"
    if kind == "string" and schema.get("format") == "date-time":
        return "time"
    return _PLAIN.get(str(kind), "anything")


def _bounds(schema: Json) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return ""
    return escape(f" ({'' if least is None else least}…{'' if most is None else most})")


def default_of(schema: Json) -> str:
    """What it is when it is left out; "" where that is nothing to speak of."""
    value = schema.get("default")
    if value in (None, "", [], {}):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f" <small>without it <code>{escape(text)}</code></small>"
