"""Data that a program has computed, held to what a text could say."""

import math
from typing import Any

from tidemill.kit.formats.building import MAX_DEPTH
from tidemill.kit.formats.document import Document, NotReadable

_LARGEST_BITS = 1024
"""Of a whole number: about what a floating-point number can reach."""


def document_of(data: Any) -> Document:
    """*data* as a document without places; NotReadable if no text could have said it."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return Document(data)
    raise NotReadable(f"what it evaluates to is nested more than {MAX_DEPTH} levels deep")


def _parts(value: Any) -> list[Any]:
    match value:
        case dict():
            for key in value:
                if not isinstance(key, str):
                    raise NotReadable(f"a key must be a string, not {key!r}: put it in quotes")
            return list(value.values())
        case list():
            return value
        case float() if not math.isfinite(value):
            raise NotReadable(f"{value!r} is not a number that a configuration can hold")
        case int() if value.bit_length() > _LARGEST_BITS:
            raise NotReadable(f"a whole number of {value.bit_length()} bits is too large for a configuration")
        case None | bool() | int() | float() | str():
            return []
    raise NotReadable(f"a {type(value).__name__} cannot be part of a configuration")
