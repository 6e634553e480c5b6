"""What is wrong, at its place: faults of data and errors of languages become problems for people."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from tidemill.core.definition.faults import Fault, Path
from tidemill.core.definition.nouns import Dialect
from tidemill.kit.formats.document import Document, NotReadable, Place
from tidemill.planning.planned import Problem, Severity

_MOST = 100
_LONGEST_LINE = 400
_LONGEST_MESSAGE = 2000
#: The key `on` of `retry`, which may stand without quotes.
_RETRY_ON = ("retry", "true")
#: Of a character in UTF-8.
_MOST_BYTES = 4
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Part(NamedTuple):
    """One file that was read."""

    file: str
    raw: bytes
    document: Document

    def problem(self, fault: Fault, severity: Severity = Severity.ERROR) -> Problem:
        """*fault*, whose path is one of this file, with its place."""
        place = self.document.place(fault.path, of_key=fault.at_key)
        return _problem(self, place, fault.message, where=path_text(fault.path), severity=severity)

    def duplicates(self, dialect: Dialect) -> list[Problem]:
        """The keys that are written twice: an error, but Agola lets the last one win."""
        is_agola = dialect is Dialect.AGOLA
        return [
            _problem(
                self,
                duplicate.place,
                f"the key {duplicate.path[-1]!r} stands in line {duplicate.before.line} already"
                + (": this one wins" if is_agola else ": remove one of them"),
                where=path_text(duplicate.path),
                severity=Severity.WARNING if is_agola else Severity.ERROR,
            )
            for duplicate in self.document.duplicates
        ]

    def word_keys(self) -> list[Problem]:
        """The keys that are not read as they are written, but for `on` where it is meant."""
        return [
            _problem(
                self,
                word.place,
                f"the key {word.written!r} is {word.path[-1]!r} in YAML 1.1: quote it if it is meant",
                where=path_text(word.path),
                severity=Severity.WARNING,
            )
            for word in self.document.words
            if word.path[-2:] != _RETRY_ON
        ]


def unreadable(part: Part, error: NotReadable, imported: bytes | None = None) -> Problem:
    """Why the file cannot be read; *imported* is the text of the file that *error* names, if another one."""
    if error.file and error.file != part.file:
        part = Part(error.file, imported or b"", part.document)
    return _problem(part, error.place or Place(0, 0), error.message)


def path_text(path: Path) -> str:
    """A path as people write it: `runs[0].tasks[2].steps[1].type`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text


def in_order(problems: Iterable[Problem], files: Iterable[str]) -> tuple[Problem, ...]:
    """Problems in the order of the files and their texts; of very many the first, and a word on the rest."""
    order = {file: number for number, file in enumerate(files)}
    last = len(order)
    found = sorted(
        dict.fromkeys(problems), key=lambda each: (order.get(each.path, last), each.line, each.column)
    )
    rest = len(found) - _MOST
    if rest > 0:
        word = f"and {rest} more like these"
        found[_MOST:] = [Problem(path=found[0].path, message=word, severity=found[0].severity)]
    return tuple(found)


def _problem(
    part: Part, place: Place, message: str, *, where: str = "", severity: Severity = Severity.ERROR
) -> Problem:
    short = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
    return Problem(
        path=part.file,
        line=place.line,
        column=place.column,
        message=short,
        severity=severity,
        where=where,
        source=_line(part.raw, place),
    )


def _line(raw: bytes, place: Place) -> str:
    """The line that *place* is in; "" when it is too long to look at."""
    if not place.line:
        return ""
    lines = _lines(raw)
    line = lines[place.line - 1] if place.line <= len(lines) else b""
    if len(line) > _LONGEST_LINE * _MOST_BYTES:  # not even decoded: it may be asked for very often
        return ""
    text = line.decode("utf-8", "replace").rstrip("\r")
    return text if len(text) <= _LONGEST_LINE else ""


@lru_cache(maxsize=2)
def _lines(raw: bytes) -> list[bytes]:
    return raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
