"""What is wrong with a definition, at which path of its data, and how words are shown in messages."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

import msgspec

Path = tuple[str | int, ...]

_LONGEST_SHOWN = 80
_LONGEST_COMPARED = 64
_MOST_LISTED = 20


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or odd, and what to do about it."""

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
    """``: did you mean `x`?`` when something known is near *word*, else nothing."""
    if len(word) > _LONGEST_COMPARED:
        return ""
    found = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f": did you mean {shown(found[0])}?" if found else ""


def shown(word: str) -> str:
    """A word of the configuration as messages have it: short, in one line, between backquotes."""
    short = word if len(word) <= _LONGEST_SHOWN else f"{word[: _LONGEST_SHOWN - 1]}…"
    return f"`{short if short.isprintable() else repr(short)[1:-1]}`"


def listed(words: Iterable[str]) -> str:
    """Words as messages list them: the first ones of very many."""
    return ", ".join(map(shown, islice(words, _MOST_LISTED)))
