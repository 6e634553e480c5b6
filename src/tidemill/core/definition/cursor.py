"""A place in a document's data, read with typed questions that complain at the place.

Questions answer an empty value after complaining, so that one reading finds every fault. The data is
what YAML or JSON holds: None, bool, int, float, str, list, dict with text keys. An absent field reads
like null, as in Go.
"""

from typing import Any, Union

from tidemill.core.definition import scalars
from tidemill.core.definition.faults import Fault, Path, shown
from tidemill.core.definition.findings import Findings

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "a mapping"),
)
_MOST = 2**63 - 1
_BOOLEANS = " (YAML takes unquoted yes, no, on, off, y and n for booleans)"


class Cursor:
    """The value at *key* of what stands at *above*; all cursors of a document share its findings."""

    __slots__ = ("_above", "_key", "data", "findings")

    def __init__(
        self, data: Any, findings: Findings, above: Union["Cursor", None] = None, key: str | int = ""
    ) -> None:
        self.data = data
        self.findings = findings
        self._above = above
        self._key = key

    @property
    def path(self) -> Path:
        """The way here from the root."""
        found: list[str | int] = []
        cursor = self
        while cursor._above is not None:
            found.append(cursor._key)
            cursor = cursor._above
        return tuple(reversed(found))

    @property
    def key(self) -> str:
        """The last element of the path."""
        return str(self._key)

    def complain(self, message: str, *, at_key: bool = False) -> None:
        """Note a fault here."""
        self.findings.faults.append(Fault(path=self.path, message=message, at_key=at_key))

    def warn(self, message: str, *, at_key: bool = False) -> None:
        """Note something odd here that is not wrong."""
        self.findings.warnings.append(Fault(path=self.path, message=message, at_key=at_key))

    @property
    def is_null(self) -> bool:
        """Nothing stands here."""
        return self.data is None

    @property
    def kind(self) -> str:
        """What stands here, for messages."""
        return next((word for cls, word in _KINDS if isinstance(self.data, cls)), "nothing")

    def at(self, key: str | int, data: Any) -> "Cursor":
        """The cursor one step further down."""
        return Cursor(data, self.findings, self, key)

    def with_data(self, data: Any) -> "Cursor":
        """Other data at the same place."""
        return Cursor(data, self.findings, self._above, self._key)

    def is_mapping(self, what: str) -> bool:
        """Whether a mapping stands here; complains otherwise, saying *what* it should be."""
        return self._is(dict, f"{what} must be a mapping")

    def entries(self) -> list["Cursor"]:
        """The values of a mapping whose keys are names, each knowing its key."""
        if self.data is None or not self.is_mapping(f"`{self.key}`"):
            return []
        return [Cursor(value, self.findings, self, key) for key, value in self.data.items()]

    def items(self) -> list["Cursor"]:
        """The elements of a list."""
        if self.data is None or not self._is(list, f"`{self.key}` must be a list"):
            return []
        return [Cursor(value, self.findings, self, index) for index, value in enumerate(self.data)]

    def text(self) -> str:
        """A string; numbers and booleans are taken as they are written."""
        if isinstance(self.data, bool | int | float):
            return scalars.as_text(self.data)
        return self.string()

    def string(self) -> str:
        """A string and nothing else; "" for null."""
        if isinstance(self.data, str | None):
            return self.data or ""
        if not isinstance(self.data, bool | int | float):
            self._is(str, f"{self._named} must be a string")
            return ""
        hint = _BOOLEANS if self.kind == "a boolean" else ""
        self.complain(f"{self._named} must be a string, not {self.kind}: put it in quotes{hint}")
        return ""

    def word(self) -> str:
        """A string, a whole number or a boolean, as text; other numbers change when they are read."""
        if isinstance(self.data, str | bool | int):
            return self.data if isinstance(self.data, str) else scalars.as_text(self.data)
        if isinstance(self.data, float):
            self.complain(f"put {self._named} in quotes: as a number, 3.10 would be 3.1")
        else:
            self.complain(f"{self._named} must be a string, a whole number or a boolean, not {self.kind}")
        return ""

    def strings(self) -> tuple[str, ...]:
        """A list of strings; Agola reads an empty element as ""."""
        items = self.items()
        for item in items:
            if item.is_null and not self.findings.is_agola:
                item.complain(f"an element of `{self.key}` is empty: write a string")
        return tuple(item.string() for item in items)

    def one_or_more(self) -> tuple["Cursor", ...]:
        """The elements of a list, or what stands here alone; nothing for null."""
        if isinstance(self.data, list):
            return tuple(self.items())
        return () if self.data is None else (self,)

    def flag(self, *, default: bool = False) -> bool:
        """A boolean; *default* for null."""
        if self.data is None:
            return default
        if self._is(bool, f"{self._named} must be true or false"):
            return bool(self.data)
        return default

    def whole(self) -> int | None:
        """A whole number of 64 bits; None for null."""
        number = self.data
        if number is None:
            return None
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        elif not self._is(int, f"{self._named} must be a whole number"):
            return None
        if not -_MOST <= number <= _MOST:
            self.complain(f"{self._named} must be a number of at most {_MOST}")
            return None
        return int(number)

    def duration(self) -> int | None:
        """Nanoseconds, written as such or as `1h30m`; None for null."""
        if isinstance(self.data, str):
            found = scalars.duration(self.data)
            if found is None:
                self.complain(f"{shown(self.data)} is not a duration: write it like `90s`, `15m` or `1h30m`")
            return found
        return self.whole()

    def seconds(self, default: float, *, from_zero: bool = False) -> float:
        """A duration in seconds that must be more than nothing; *default* for null."""
        nanoseconds = self.duration()
        if nanoseconds is None:
            return default
        if nanoseconds < 0 or (nanoseconds == 0 and not from_zero):
            least = "not be negative" if from_zero else "be more than 0"
            self.complain(f"{self._named} must {least}")
            return default
        return nanoseconds / scalars.NANOSECONDS

    def quantity(self, scale: int = 1) -> int | None:
        """Bytes, written as such or as `512Mi`, in parts of which *scale* make one; None for null."""
        if self.data is None:
            return None
        is_number = isinstance(self.data, int | float) and not isinstance(self.data, bool)
        text = scalars.exact_text(self.data) if is_number else self.data
        found = scalars.quantity(text, scale) if isinstance(text, str) else None
        if found is None:
            self.complain(f"{self._named} must be a quantity: write it like `512Mi`, `1Gi` or as a number")
        return found

    @property
    def _named(self) -> str:
        """What stands here by its key, or by the list that it is an element of."""
        above = self._above
        if isinstance(self._key, int) and above is not None:
            return f"an element of {shown(above.key)}"
        return shown(self.key)

    def _is(self, cls: type, must: str) -> bool:
        if isinstance(self.data, cls) and (cls is bool or not isinstance(self.data, bool)):
            return True
        self.complain(f"{must}, not {self.kind}")
        return False
