"""What is where in a log: its lines and groups, found once and kept for as long as it grows."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from tidemill.contracts.logs import Group, Place
from tidemill.core.logs import groups
from tidemill.core.logs.groups import Scanner
from tidemill.core.logs.marks import Mark, seen_at
from tidemill.services.runservice.logs.blocks import BLOCK, decode_index
from tidemill.services.runservice.logs.finding import Finding
from tidemill.services.runservice.logs.layout import Stretch, times
from tidemill.services.runservice.logs.reading import Reading
from tidemill.services.runservice.store.logs import Head, LogId

#: Logs of which it is remembered how far they were scanned.
_REMEMBERED = 100


class Contents(msgspec.Struct, frozen=True):
    """What is in a log."""

    lines: int
    groups: tuple[Group, ...]
    places: tuple[Place, ...]


class Indexing:
    """Looks into logs. One that is put away knows its groups; of others only what is new is read."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._scanned: OrderedDict[LogId, Scanner] = OrderedDict()

    async def contents(
        self, id: LogId, head: Head, stretches: Sequence[Stretch], *, is_final: bool
    ) -> Contents:
        """Of a log as it is in a snapshot."""
        marks = times(stretches)
        known = decode_index(head.blocks).groups if head.object is not None else None
        if known is not None:
            lines = await Finding(self._reading, id, stretches).lines()
        else:
            scanner = await self._scan(id, head.length)
            if is_final:
                scanner.conclude()
            known, lines = scanner.groups(), scanner.lines
        shown = tuple(_group(group, marks) for group in known)
        return Contents(lines, shown, tuple(_places(stretches, marks)))

    async def _scan(self, id: LogId, length: int) -> Scanner:
        """A scanner that has seen as much at least, for who asks alone."""
        scanner = self._scanned[id].copy() if id in self._scanned else Scanner()
        if scanner.length > length:  # somebody who asked at the same time is further on
            scanner = Scanner()
        async for block in self._reading.until(id, scanner.length, length):
            scanner.feed(block)
        self._scanned[id] = scanner.copy()
        self._scanned.move_to_end(id)
        while len(self._scanned) > _REMEMBERED:
            self._scanned.popitem(last=False)
        return scanner


def _group(group: groups.Group, marks: Sequence[Mark]) -> Group:
    ended = group.last_offset
    return Group(
        name=group.name,
        line=group.line,
        last_line=group.last_line,
        started_at=_moment(seen_at(marks, group.offset)),
        ended_at=None if ended is None else _moment(seen_at(marks, ended)),
    )


def _places(stretches: Sequence[Stretch], marks: Sequence[Mark]) -> list[Place]:
    """Beginnings of stretches, a block apart at least."""
    places: list[Place] = []
    newlines: int | None = 0
    for stretch in stretches:
        if not places or stretch.start - places[-1].offset >= BLOCK:
            line = None if newlines is None else newlines + 1
            at = _moment(seen_at(marks, stretch.start))
            places.append(Place(offset=stretch.start, line=line, at=at))
        newlines = None if newlines is None or stretch.lines is None else newlines + stretch.lines
    return places


def _moment(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)
