"""Groups of lines that programs mark in their output; the marks stay where they are, for any reader.

Known are `::group::NAME` and `::endgroup::` (also `##[group]NAME`, `##[endgroup]`), of which a new one ends
the one before it, and `section_start:TIME:NAME`, `section_end:TIME:NAME`, which may stand in each other. A
mark is a line that begins with it.
"""

import re
from collections.abc import Iterator
from typing import Self

import msgspec
from msgspec.structs import replace

from tidemill.core.logs.lines import NEWLINE

#: Groups of a log that are known; marks that are looked at; characters of a name.
MOST, MOST_MARKS, LONGEST_NAME = 10_000, 40_000, 200
#: What is looked at of a line.
_LONGEST = 1024

_ERASE = b"\x1b[0K"
_STARTS = (b"::group::", b"##[group]", b"section_start:", _ERASE + b"section_start:")
_ENDS = (b"::endgroup::", b"##[endgroup]", b"section_end:", _ERASE + b"section_end:")
_WORDS = (b"group", b"section_")
"""One of them is in every mark; most logs have neither, and looking for two is faster than for eight."""
_SECTION = re.compile(
    rb"(?:\x1b\[0K)?section_(start|end):\d+:([A-Za-z0-9_.-]+)(?:\[[^\]\r]*\])?(?:\r\x1b\[0K)?(.*)", re.DOTALL
)
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x1f\x7f]")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that belong together, with those that mark their beginning and end."""

    name: str
    line: int
    """The number of its first line, from 1."""
    offset: int
    last_line: int | None = None
    """None while it goes on."""
    last_offset: int | None = None
    """Where its end was seen: at the mark that ends it, or at the last byte of the log."""


class Scanner:
    """Finds groups in a log that comes in pieces, however it is cut, and counts its lines."""

    def __init__(self) -> None:
        self.length = 0
        self.newlines = 0
        self._groups: list[Group] = []
        self._titled: int | None = None
        """The group that a title has begun, by its place in the list."""
        self._sections: list[tuple[bytes, int]] = []
        self._looked_at = 0
        self._begun = b""
        """The beginning of the line that has no end yet."""
        self._line_at = 0

    @property
    def lines(self) -> int:
        """How many there are, with one that has no end."""
        return self.newlines + (self._line_at < self.length)

    def copy(self) -> Self:
        """One that goes on by itself."""
        new = type(self)()
        new.__dict__.update(vars(self), _groups=[*self._groups], _sections=[*self._sections])
        return new

    def feed(self, data: bytes) -> None:
        """Go on with *data*."""
        first, last = data.find(NEWLINE), data.rfind(NEWLINE)
        head = self._begun + data[: _LONGEST if first < 0 else min(first, _LONGEST)]
        if first < 0:
            self._begun = head[:_LONGEST]
            self.length += len(data)
            return
        self._look(head[:_LONGEST], self.newlines, self._line_at)
        counted, lines = first, self.newlines + 1
        for at in self._marks(data, first, last):
            lines += data.count(NEWLINE, counted + 1, at + 1)
            counted = at
            end = data.index(NEWLINE, at + 1)
            self._look(data[at + 1 : min(end, at + 1 + _LONGEST)], lines, self.length + at + 1)
        self.newlines = lines + data.count(NEWLINE, counted + 1)
        self._line_at = self.length + last + 1
        self._begun = data[last + 1 : last + 1 + _LONGEST]
        self.length += len(data)

    def groups(self) -> tuple[Group, ...]:
        """Those found so far, by their beginnings."""
        return tuple(self._groups)

    def conclude(self) -> None:
        """The log is whole: its last line may be a mark, and every group has an end."""
        self._look(self._begun, self.newlines, self._line_at)
        for place in range(len(self._groups)):
            self._close(place, self.lines, max(self.length - 1, 0))

    def _marks(self, data: bytes, start: int, end: int) -> Iterator[int]:
        """Where newlines stand that have a mark behind them, in order, in what ends with the last newline."""
        if self._looked_at >= MOST_MARKS or not any(word in data for word in _WORDS):
            return
        found: list[int] = []
        for mark in (*_STARTS, *_ENDS):
            wanted = NEWLINE + mark
            at = data.find(wanted, start, end)
            while at >= 0:
                found.append(at)
                at = data.find(wanted, at + 1, end)
        yield from sorted(found)

    def _look(self, line: bytes, before: int, offset: int) -> None:
        """See whether a line, which has so many *before* it, is a mark."""
        if not line.startswith((*_STARTS, *_ENDS)) or self._looked_at >= MOST_MARKS:
            return
        self._looked_at += 1
        if (section := _SECTION.match(line)) is not None:
            kind, name, title = section.groups()
            if kind == b"start":
                self._begin_section(name, title, before + 1, offset)
            else:
                self._end_section(name, before + 1, offset)
        elif line.startswith((b"::group::", b"##[group]")):
            self._end_titled(before, offset)
            self._titled = self._begin(line[9:], before + 1, offset)
        elif line.startswith((b"::endgroup::", b"##[endgroup]")):
            self._end_titled(before + 1, offset)

    def _begin(self, name: bytes, line: int, offset: int) -> int | None:
        if len(self._groups) >= MOST:
            return None
        shown = _ESCAPES.sub("", name.decode(errors="replace")).strip()[:LONGEST_NAME]
        self._groups.append(Group(name=shown, line=line, offset=offset))
        return len(self._groups) - 1

    def _begin_section(self, name: bytes, title: bytes, line: int, offset: int) -> None:
        place = self._begin(title if title.strip() else name, line, offset)
        if place is not None:
            self._sections.append((name, place))

    def _end_section(self, name: bytes, line: int, offset: int) -> None:
        if not any(name == known for known, _ in self._sections):
            return
        while self._sections:
            known, place = self._sections.pop()
            self._close(place, line, offset)
            if known == name:
                return

    def _end_titled(self, line: int, offset: int) -> None:
        if self._titled is not None:
            self._close(self._titled, line, offset)
        self._titled = None

    def _close(self, place: int, line: int, offset: int) -> None:
        if self._groups[place].last_line is None:
            self._groups[place] = replace(self._groups[place], last_line=line, last_offset=offset)
