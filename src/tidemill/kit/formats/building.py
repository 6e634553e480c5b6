"""Events of the YAML parser become data and places: no recursion, and limits that hold for aliases too.

As Go's yaml.v2 has it: the last of equal keys wins, keys become text, anchors and merge keys work,
only the first document counts. A key written out wins over a merged one.
"""

import base64
import binascii
from typing import Any

import yaml

from tidemill.kit.formats import scalars
from tidemill.kit.formats.document import Document, Duplicate, NotReadable, Place, Spot, WordKey

MAX_DEPTH = 100
_MAX_VALUES = 200_000
_MAX_CHARACTERS = 8 * 1024 * 1024
_MAX_ODD = 1000
_TAG = "tag:yaml.org,2002:"
_NO_KEY: Any = object()
_MERGE: Any = object()
#: What scalars have, all of them the same: there are very many.
_NO_PARTS: dict[str | int, Spot] = {}
_NO_KEYS: dict[str | int, Place] = {}


class _Node:
    """A value being read; *size* and *length* count its values and characters, aliases unfolded."""

    def __init__(self, data: Any, place: Place, anchor: str | None = None) -> None:
        has_parts = isinstance(data, list | dict)
        self.data = data
        self.place = place
        self.anchor = anchor
        self.parts: dict[str | int, Spot] = {} if has_parts else _NO_PARTS
        self.keys: dict[str | int, Place] = {} if has_parts else _NO_KEYS
        self.size = 1
        self.length = len(data) if isinstance(data, str) else 0
        self.is_merge_word = False
        self.written = ""
        self.key: Any = _NO_KEY
        self.key_place = place
        self.merged: list[tuple[Any, Spot]] | None = None

    def at(self, place: Place) -> "_Node":
        """The same value mentioned at another place."""
        twin = _Node(self.data, place)
        twin.parts, twin.keys = self.parts, self.keys
        twin.size, twin.length = self.size, self.length
        return twin


class Builder:
    """Takes events until `is_complete`, then gives the document."""

    def __init__(self) -> None:
        self.is_complete = False
        self._open: list[_Node] = []
        self._anchors: dict[str, _Node] = {}
        self._root = _Node(None, Place(1, 1))
        self._duplicates: list[Duplicate] = []
        self._words: list[WordKey] = []

    def document(self) -> Document:
        """What was read; None for an empty text."""
        return Document(self._root.data, _spot(self._root), tuple(self._duplicates), tuple(self._words))

    def take(self, event: yaml.Event) -> None:
        """Take the next event; raises NotReadable."""
        mark = event.start_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        match event:
            case yaml.ScalarEvent():
                node = _Node(_scalar(event, place), place, event.anchor)
                node.is_merge_word = event.value == "<<" and event.implicit[0]
                node.written = event.value
                self._close(node)
            case yaml.AliasEvent():
                self._close(self._aliased(event.anchor or "", place))
            case yaml.SequenceStartEvent():
                self._begin(_Node([], place, event.anchor))
            case yaml.MappingStartEvent():
                self._begin(_Node({}, place, event.anchor))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                node = self._open.pop()
                _merge(node)
                self._close(node)
            case yaml.DocumentEndEvent() | yaml.StreamEndEvent():
                self.is_complete = True

    def _begin(self, node: _Node) -> None:
        if len(self._open) == MAX_DEPTH:
            raise NotReadable(f"nested more than {MAX_DEPTH} levels deep", node.place)
        if node.anchor:
            self._anchors[node.anchor] = node
        self._open.append(node)

    def _aliased(self, anchor: str, place: Place) -> _Node:
        node = self._anchors.get(anchor)
        if node is None:
            raise NotReadable(f"the alias *{anchor} has no anchor &{anchor} before it", place)
        if node in self._open:
            raise NotReadable(f"the anchor &{anchor} contains itself", place)
        return node.at(place)

    def _close(self, node: _Node) -> None:
        """Put a value that is whole where it belongs."""
        if node.anchor:
            self._anchors[node.anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.size += node.size
        if parent.size > _MAX_VALUES:
            raise NotReadable(f"more than {_MAX_VALUES} values, aliases unfolded", node.place)
        parent.length += node.length
        if parent.length > _MAX_CHARACTERS:
            raise NotReadable(f"more than {_MAX_CHARACTERS} characters, aliases unfolded", node.place)
        if isinstance(parent.data, list):
            parent.parts[len(parent.data)] = _spot(node)
            parent.data.append(node.data)
        elif parent.key is _NO_KEY:
            parent.key = _MERGE if node.is_merge_word else _key(node)
            parent.key_place = node.place
            if isinstance(node.data, bool):
                self._note_word(node)
        else:
            self._note_duplicate(parent)
            _put(parent, node)

    def _note_duplicate(self, parent: _Node) -> None:
        """Remember that the key which now gets its value has one already."""
        if parent.key in parent.keys and len(self._duplicates) < _MAX_ODD:
            self._duplicates.append(Duplicate(self._path(), parent.key_place, parent.keys[parent.key]))

    def _note_word(self, key: _Node) -> None:
        """Remember that a key is written as a word that YAML takes for a boolean, such as `on` or `n`."""
        if key.written.lower() not in ("true", "false") and len(self._words) < _MAX_ODD:
            self._words.append(WordKey(self._path(), key.place, key.written))

    def _path(self) -> tuple[str | int, ...]:
        """The way to what is being read."""
        return tuple(len(node.data) if isinstance(node.data, list) else node.key for node in self._open)


def _put(parent: _Node, node: _Node) -> None:
    key, parent.key = parent.key, _NO_KEY
    if key is not _MERGE:
        parent.data[key] = node.data
        parent.parts[key] = _spot(node)
        parent.keys[key] = parent.key_place
        return
    if isinstance(node.data, list):
        sources = list(zip(node.data, node.parts.values(), strict=True))
    else:
        sources = [(node.data, _spot(node))]
    for data, spot in sources:
        if not isinstance(data, dict):
            raise NotReadable("`<<` merges a mapping or a list of mappings, nothing else", spot.place)
        if parent.merged is None:
            parent.merged = []
        parent.merged.append((data, spot))


def _merge(node: _Node) -> None:
    """Fill a mapping up from those that its merge keys name, the first named first."""
    for data, spot in node.merged or ():
        for key in data:
            if key not in node.data:
                node.data[key] = data[key]
                node.parts[key] = spot.parts[key]
                node.keys[key] = spot.keys[key]


def _spot(node: _Node) -> Spot:
    return Spot(node.place, node.parts, node.keys)


def _key(node: _Node) -> str:
    match node.data:
        case str():
            return node.data
        case bool():
            return "true" if node.data else "false"
        case int():
            return str(node.data)
        case float():
            return repr(node.data).removesuffix(".0")
        case None:
            raise NotReadable(
                "a key must not be empty or null: write it in quotes if it is meant", node.place
            )
    raise NotReadable("a key must be text, not a list or a mapping", node.place)


def _scalar(event: yaml.ScalarEvent, place: Place) -> scalars.Scalar:
    text: str = event.value
    if event.tag is None:
        return scalars.plain(text) if event.implicit[0] else text
    match event.tag.removeprefix(_TAG):
        case "int" | "float":
            value = scalars.number(text) if text else text
            if isinstance(value, str):
                raise NotReadable(f"{text!r} is not a number", place)
            return value
        case "bool" | "null":
            return scalars.plain(text)
        case "binary":
            return _binary(text, place)
    return text  # the tags of text and dates, and those that are not YAML's, leave the text as it is


def _binary(text: str, place: Place) -> str:
    try:
        return base64.b64decode(text, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise NotReadable("!!binary must be the base64 form of UTF-8 text", place) from None
