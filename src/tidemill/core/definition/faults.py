"""What is wrong with a definition, at which path of its data."""

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

Path = tuple[str | int, ...]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and what to do about it."""

    path: Path
    message: str
    at_key: bool = False
    """The key at the end of *path* is at fault, not its value."""


class WrongDefinition(Exception):
    """A configuration cannot become plans; *warnings* are what is odd about it beside."""

    def __init__(self, faults: Iterable[Fault], warnings: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        self.warnings = tuple(warnings)
        super().__init__("; ".join(fault.message for fault in self.faults))


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when something known is near *word*, else nothing."""
    found = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
