"""A kind of mapping in a configuration, and the keys that it has."""

from collections.abc import Collection
from typing import Any

import msgspec

Schema = dict[str, Any]
"""A part of a JSON Schema."""


class Key(msgspec.Struct, frozen=True):
    """One key: what it is for, and what may stand there."""

    about: str
    schema: Schema
    ours: bool = False
    """Agola does not know it: it is in force in `.tidemill/` alone."""
    required: bool = False


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of mapping, such as a task."""

    name: str
    """Its name in the JSON Schema."""
    what: str
    """What messages call it."""
    keys: dict[str, Key]
    is_exact: bool = False
    """Upper and lower case of its keys matter, as where Agola looks at them itself."""
    spellings: dict[str, str] = {}
    """Keys by other texts that they are read as: YAML takes an unquoted `on` for `true`."""
    rules: Schema = {}
    """What the JSON Schema demands beside the keys."""

    def known(self, *, in_agola: bool) -> Collection[str]:
        """The keys that are in force."""
        return [name for name, key in self.keys.items() if not (in_agola and key.ours)]
