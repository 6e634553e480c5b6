"""The fields of a mapping by the keys that its kind has; what else stands there gets a warning."""

from collections.abc import Collection

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.keys.kind import Kind

_MOST_LISTED = 12


class Fields:
    """What a mapping says, by key; upper and lower case of keys do not matter, as in Go."""

    __slots__ = ("_given", "_kind", "place")

    def __init__(self, place: Cursor, kind: Kind, *, beside: Collection[str] = ()) -> None:
        """Take what the mapping at *place* says, but for the keys *beside* its fields."""
        self.place = place
        self._kind = kind
        self._given: dict[str, Cursor] = {}
        data = place.data
        if not data:
            return
        keys, is_agola = kind.keys, place.findings.is_agola
        for written, value in data.items():
            if written in beside:
                continue
            key = keys.get(written)
            if key is not None and not (is_agola and key.ours) and written not in self._given:
                self._given[written] = Cursor(value, place.findings, place, written)
            else:
                self._take_odd(place.at(written, value), written)

    def __getitem__(self, key: str) -> Cursor:
        """The value of *key*, null when it is not there."""
        found = self._given.get(key)
        if found is not None:
            return found
        if key not in self._kind.keys:
            raise KeyError(key)
        return Cursor(None, self.place.findings, self.place, key)

    def has(self, key: str) -> bool:
        """Something that is not null stands there."""
        found = self._given.get(key)
        return found is not None and not found.is_null

    def put(self, key: str, cursor: Cursor) -> None:
        """Take a field that stands elsewhere; complains when it is there already."""
        if key in self._given:
            self._given[key].complain(f"{shown(key)} is said twice: leave out one of them", at_key=True)
        self._given[key] = cursor

    def take(self, place: Cursor, among: Collection[str]) -> None:
        """Take the fields *among* these that stand at *place*, a key that is not one gets a warning."""
        name = self._folded(place.key)
        if name in among:
            self.put(name, place)
        elif name in self._kind.keys:
            place.complain(f"{shown(place.key)} must stand with the other fields of the step", at_key=True)
        else:
            self._warn_unknown(place)

    def _take_odd(self, place: Cursor, written: str) -> None:
        """A key that is not one of the kind as it is written."""
        findings = place.findings
        name = self._folded(written)
        key = self._kind.keys.get(name)
        if key is None:
            self._warn_unknown(place)
        elif key.ours and findings.is_agola:
            ignored = f"{shown(written)} is ignored in `.agola/`: move the configuration to `.tidemill/`"
            place.warn(ignored, at_key=True)
        elif name in self._given:
            other = self._given[name].key
            again = f"{shown(written)} and {shown(other)} are the same key"
            if not findings.is_agola:
                place.complain(f"{again}: leave out one of them", at_key=True)
                return
            wins = max(written, other)  # Go takes them in the order of their bytes
            place.warn(f"{again}: {shown(wins)} counts", at_key=True)
            if wins == written:
                self._given[name] = place
        else:
            self._given[name] = place

    def _folded(self, written: str) -> str:
        name = self._kind.spellings.get(written, written)
        return name if self._kind.is_exact else name.lower()

    def _warn_unknown(self, place: Cursor) -> None:
        findings = place.findings
        known = self._kind.known(in_agola=findings.is_agola)
        near = findings.nearest(place.key, known)
        if not near and len(known) <= _MOST_LISTED:
            near = f": there {'are' if len(known) > 1 else 'is'} {listed(known)}"
        place.warn(f"unknown key {shown(place.key)} of {self._kind.what}{near}", at_key=True)


def fields_of(cursor: Cursor, kind: Kind) -> Fields | None:
    """The fields of the mapping that stands there, none for null; None after complaining about others."""
    if cursor.data is None or isinstance(cursor.data, dict):
        return Fields(cursor, kind)
    cursor.complain(f"{kind.what} must be a mapping, not {cursor.kind}")
    return None
