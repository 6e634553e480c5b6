"""A document read from text: plain data, and where in the text each value stands."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Path = Sequence[str | int]
"""The way from the root to a value: keys and indexes."""


class Place(NamedTuple):
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


class NotReadable(Exception):
    """A text is not a document of its format; *message* says what to do about it."""

    def __init__(self, message: str, place: Place | None = None, file: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.file = file
        """The file at fault; "" is the one that was read."""


class Spot(NamedTuple):
    """Where a value stands, and its parts (by key or index) with the places of their keys."""

    place: Place
    parts: "Mapping[str | int, Spot]"
    keys: Mapping[str | int, Place]


class Duplicate(NamedTuple):
    """A key that is written twice in one mapping: its path, its place, and the place before that."""

    path: tuple[str | int, ...]
    place: Place
    before: Place


class WordKey(NamedTuple):
    """A key written as a word that means a boolean in YAML 1.1: its path, its place, the word."""

    path: tuple[str | int, ...]
    place: Place
    written: str


#: Where everything stands in data that was computed and not written.
NOWHERE = Spot(Place(0, 0), {}, {})


class Document(NamedTuple):
    """Plain data (None, bool, int, float, str, list, dict with string keys) and its places."""

    data: Any
    root: Spot = NOWHERE
    duplicates: tuple[Duplicate, ...] = ()
    """Keys that an equal one hides; the last of them is in the data."""
    words: tuple[WordKey, ...] = ()
    """Keys that are not read as they are written: `on` is `true` in the data."""

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """The place of the value at *path*, or of the nearest value around it that exists.

        Of data that was computed it is line 0.
        """
        spot, key_place = self.root, self.root.place
        for step in path:
            key_place = spot.keys.get(step, spot.place)
            if step not in spot.parts:
                return key_place
            spot = spot.parts[step]
        return key_place if of_key else spot.place
