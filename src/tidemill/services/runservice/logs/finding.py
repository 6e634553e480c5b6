"""Finding where a reader wants to begin, by reading no more of a log than the stretch that holds it."""

from collections.abc import Sequence

import msgspec

from tidemill.contracts.logs import LogStart
from tidemill.core.logs.lines import NEWLINE, behind_newline
from tidemill.core.logs.marks import first_since
from tidemill.errors import BadRequest
from tidemill.services.runservice.logs.layout import Stretch, times
from tidemill.services.runservice.logs.reading import Reading
from tidemill.services.runservice.store.logs import LogId

_STARTS = ("offset", "line", "tail", "since")
_LEAST = {"attempt": 0, "offset": 0, "line": 1, "tail": 0, "since": 0, "limit": 1, "lines": 1}
_MOST = (1 << 53) - 1


class Start(msgspec.Struct, frozen=True):
    """Where to begin: behind so many newlines that come behind *offset*."""

    offset: int
    newlines: int = 0


class Finding:
    """Finds places in one log, as it is in a snapshot."""

    def __init__(self, reading: Reading, id: LogId, stretches: Sequence[Stretch]) -> None:
        self._reading = reading
        self._id = id
        self._stretches = stretches
        self._length = stretches[-1].end if stretches else 0

    async def start(self, wanted: LogStart) -> Start:
        """Where what is wanted begins."""
        if "line" in wanted:
            return await self._behind(wanted["line"] - 1)
        if "tail" in wanted:
            return await self._behind(max(await self.lines() - wanted["tail"], 0))
        if "since" in wanted:
            return Start(await self._since(wanted["since"]))
        return Start(wanted.get("offset", 0))

    async def lines(self) -> int:
        """How many there are, with one that has no end."""
        if not self._length:
            return 0
        newlines = sum([await self._newlines(stretch) for stretch in self._stretches])
        last = await self._read(self._length - 1, self._length)
        return newlines + (last != NEWLINE)

    async def _behind(self, newlines: int) -> Start:
        if not newlines:
            return Start(0)
        for stretch in self._stretches:
            there = await self._newlines(stretch)
            if newlines <= there:
                data = await self._read(stretch.start, stretch.end)
                return Start(stretch.start + behind_newline(data, newlines))
            newlines -= there
        return Start(self._length, newlines)

    async def _since(self, at: int) -> int:
        """The first line whose first byte was seen then or later."""
        found = self._length if (first := first_since(times(self._stretches), at)) is None else first
        if found in (0, self._length) or await self._read(found - 1, found) == NEWLINE:
            return found
        async for block in self._reading.until(self._id, found, self._length):
            if (place := block.find(NEWLINE)) >= 0:
                return found + place + 1
            found += len(block)
        return self._length

    async def _newlines(self, stretch: Stretch) -> int:
        if stretch.lines is not None:
            return stretch.lines
        return (await self._read(stretch.start, stretch.end)).count(NEWLINE)

    async def _read(self, start: int, end: int) -> bytes:
        return b"".join([block async for block in self._reading.until(self._id, start, end)])


def check(wanted: LogStart) -> None:
    """Raises BadRequest for numbers that mean nothing, for more than one beginning, or more than one end."""
    for name, least in _LEAST.items():
        value = wanted.get(name, least)
        if not (isinstance(value, int) and least <= value <= _MOST):
            raise BadRequest(f"{name} is {least} or more, and not {value}")
    for names in (_STARTS, ("limit", "lines")):
        given = [name for name in names if name in wanted]
        if len(given) > 1:
            raise BadRequest(f"give one of {', '.join(names)}; not {' and '.join(given)}")
