"""A place in a document's data, read with typed questions that complain at the place.

Questions answer an empty value after complaining, so that one reading finds every fault. The data is
what YAML or JSON holds: None, bool, int, float, str, list, dict with text keys. An absent field reads
like null, as in Go.
"""

from typing import Any

from tidemill.core.definition import scalars
from tidemill.core.definition.faults import Fault, Path

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "a mapping"),
)


class Cursor:
    """The value at *path*; all cursors of a document share its *faults*."""

    def __init__(self, data: Any, path: Path = (), faults: list[Fault] | None = None) -> None:
        self.data = data
        self.path = path
        self.faults: list[Fault] = [] if faults is None else faults

    def complain(self, message: str, *, at_key: bool = False) -> None:
        """Note a fault here."""
        self.faults.append(Fault(path=self.path, message=message, at_key=at_key))

    @property
    def is_null(self) -> bool:
        """Nothing stands here."""
        return self.data is None

    @property
    def kind(self) -> str:
        """What stands here, for messages."""
        return next((word for cls, word in _KINDS if isinstance(self.data, cls)), "nothing")

    @property
    def key(self) -> str:
        """The last element of the path."""
        return str(self.path[-1]) if self.path else ""

    def at(self, key: str | int, data: Any) -> "Cursor":
        """The cursor one step further down."""
        return Cursor(data, (*self.path, key), self.faults)

    def field(self, name: str) -> "Cursor":
        """A field of the mapping that stands here; upper and lower case do not matter, as in Go."""
        data: dict[str, Any] = self.data if isinstance(self.data, dict) else {}
        if name in data:
            return self.at(name, data[name])
        for key, value in data.items():
            if key.lower() == name:
                return self.at(key, value)
        return self.at(name, None)

    def is_mapping(self, what: str) -> bool:
        """Whether a mapping stands here (or nothing); complains otherwise, saying *what* it should be."""
        return self._is(dict, f"{what} must be a mapping")

    def entries(self, what: str) -> list["Cursor"]:
        """The values of a mapping, each knowing its key."""
        if not self.is_mapping(what) or self.is_null:
            return []
        return [self.at(key, value) for key, value in self.data.items()]

    def items(self, what: str) -> list["Cursor"]:
        """The elements of a list."""
        if not self._is(list, f"{what} must be a list") or self.is_null:
            return []
        return [self.at(index, value) for index, value in enumerate(self.data)]

    def text(self) -> str:
        """A string; numbers and booleans are taken as they are written."""
        if isinstance(self.data, bool | int | float):
            return scalars.as_text(self.data)
        return self.string()

    def string(self) -> str:
        """A string and nothing else; "" for null."""
        if not isinstance(self.data, bool | int | float):
            return self.data or "" if self._is(str, f"`{self.key}` must be a string") else ""
        hint = (
            " (YAML takes unquoted yes, no, on, off, y and n for booleans)"
            if self.kind == "a boolean"
            else ""
        )
        self.complain(f"`{self.key}` must be a string, not {self.kind}: put it in quotes{hint}")
        return ""

    def strings(self, what: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(item.string() for item in self.items(what))

    def flag(self, *, default: bool = False) -> bool:
        """A boolean; *default* for null."""
        return (
            self.data
            if self._is(bool, f"`{self.key}` must be true or false") and not self.is_null
            else default
        )

    def whole(self) -> int | None:
        """A whole number; None for null."""
        if isinstance(self.data, float) and self.data.is_integer():
            return int(self.data)
        number: int | None = self.data if self._is(int, f"`{self.key}` must be a whole number") else None
        return number

    def duration(self) -> int | None:
        """Nanoseconds, written as such or as `1h30m`; None for null."""
        if isinstance(self.data, str):
            found = scalars.duration(self.data)
            if found is None:
                self.complain(f"{self.data!r} is not a duration: write it like `90s`, `15m` or `1h30m`")
            return found
        return self.whole()

    def quantity(self) -> int | None:
        """Bytes, written as such or as `512Mi`; None for null."""
        if self.is_null:
            return None
        found = scalars.quantity(str(self.data))
        if found is None or self.kind not in ("a number", "a string"):
            self.complain(f"`{self.key}` must be a quantity: write it like `512Mi`, `1Gi` or in bytes")
        return found

    def _is(self, cls: type, must: str) -> bool:
        if self.is_null or (isinstance(self.data, cls) and (cls is bool or not isinstance(self.data, bool))):
            return True
        self.complain(f"{must}, not {self.kind}")
        return False
