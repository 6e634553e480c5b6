"""The end of the event feed in memory: read once for all who follow it, and by each of them where it is."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio
import msgspec
import structlog

from tidemill.errors import Gone
from tidemill.kit import event_stream
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Event, Reach, Snapshot, events_behind, reach

#: What rings when the feed has grown.
BELL = "events"
#: Events, and bytes of them, that are kept in memory while anybody follows.
_KEPT, _KEPT_BYTES = 1000, 4 * 1024 * 1024
#: Events that are read at once.
_PAGE = 50
_NOTHING = Reach("", 0, 0)

log = structlog.get_logger("feed")


class Told(msgspec.Struct, frozen=True):
    """An event as its readers get it."""

    sequence: int
    group: str
    message: bytes


class Stretch(msgspec.Struct, frozen=True):
    """What a reader gets at a time: everything up to *end*; the feed is known to go to *last*."""

    told: Sequence[Told]
    end: int
    last: int


class _Head(msgspec.Struct):
    group: str


_head = msgspec.json.Decoder(_Head)


class Reader:
    """One who follows events of runs in a *group* or below it ("" is all), woken when there are some."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._woken = asyncio.Event()

    def wants(self, told: Told) -> bool:
        """Whether an event is for it."""
        group = self._group
        return not group or told.group == group or told.group.startswith(f"{group}/")

    def wake(self) -> None:
        """Let it look."""
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until there is something, for so long at most; whether there is."""
        with anyio.move_on_after(seconds):
            await self._woken.wait()
        woken = self._woken.is_set()
        self._woken.clear()
        return woken


class Tail:
    """The newest events, as long as there are readers; one task reads them and wakes whom they are for."""

    def __init__(self, db: Database, bells: Bells) -> None:
        self._db = db
        self._bells = bells
        self._readers: set[Reader] = set()
        self._watching: asyncio.Task[None] | None = None
        self._reach = _NOTHING
        self._told: list[Told] = []
        self._first = 0
        """The number before the first of them."""
        self._bytes = 0

    @contextmanager
    def reader(self, group: str) -> Iterator[Reader]:
        """Somebody who follows."""
        one = Reader(group)
        self._readers.add(one)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="event feed")
        try:
            yield one
        finally:
            self._readers.discard(one)
            if not self._readers:
                self.close()

    def close(self) -> None:
        """Look no more, and forget what was read."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        self._begin_at(_NOTHING)

    async def stretch(self, reader: Reader, epoch: str, at: int) -> Stretch:
        """What follows the number *at* of an *epoch*, as far as it is for *reader*; Gone where it cannot."""
        found, told = self._reach, self._behind(at)
        if told is None:
            found, events = await self._db.read(lambda tx: _page(tx, at))
            told = [_told(found.epoch, event) for event in events]
        if found.epoch != epoch or at > found.last:
            raise epoch_changed(found)
        if (told[0].sequence if told else found.last + 1) != at + 1:
            raise purged(found)
        end = told[-1].sequence if told else at
        return Stretch([one for one in told if reader.wants(one)], end, found.last)

    def _behind(self, at: int) -> list[Told] | None:
        """What is in memory; None where it is not."""
        if not (self._reach.epoch and self._first <= at <= self._end):
            return None
        told = self._told[at - self._first :][:_PAGE]
        return told if told or at == self._reach.last else None

    @property
    def _end(self) -> int:
        """The number of the newest event in memory."""
        return self._first + len(self._told)

    async def _watch(self) -> None:
        with self._bells.listen(BELL) as bell:
            while True:
                try:
                    await self._look()
                except Exception:
                    log.warning("the event feed cannot be read", exc_info=True)
                    await bell.wait()
                else:
                    if self._end == self._reach.last:
                        await bell.wait()

    async def _look(self) -> None:
        end = self._end
        found, events = await self._db.read(lambda tx: _page(tx, end))
        if found.epoch != self._reach.epoch or (events[0].sequence if events else found.last + 1) != end + 1:
            self._begin_at(found)
            new, is_anew = [], True
        else:
            new, is_anew = [_told(found.epoch, event) for event in events], False
            self._reach = found
            self._add(new)
        for reader in self._readers:
            if is_anew or any(reader.wants(one) for one in new):
                reader.wake()

    def _add(self, new: list[Told]) -> None:
        self._told += new
        self._bytes += sum(len(one.message) for one in new)
        excess = 0
        while len(self._told) - excess > _KEPT or self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._told[excess].message)
            excess += 1
        del self._told[:excess]
        self._first += excess

    def _begin_at(self, found: Reach) -> None:
        """Keep nothing of what is before the end of the feed."""
        self._reach, self._told, self._first, self._bytes = found, [], found.last, 0


async def _page(tx: Snapshot, at: int) -> tuple[Reach, list[Event]]:
    return await reach(tx), await events_behind(tx, at, _PAGE)


def _told(epoch: str, event: Event) -> Told:
    message = event_stream.message(event_id(epoch, event.sequence), event.kind, event.payload)
    return Told(event.sequence, _head.decode(event.payload).group, message)


def event_id(epoch: str, sequence: int) -> str:
    """An event's id as the world knows it."""
    return f"{epoch}-{sequence}"


def epoch_changed(found: Reach) -> Gone:
    """The id is of another history of the same feed: an import has replaced it, or a backup was put back."""
    return Gone(
        "this event is not of the feed's history: an import or a backup has replaced it; "
        "read the runs as they are, and go on behind the newest event",
        code="epochChanged",
        details={"newest": event_id(found.epoch, found.last)},
    )


def purged(found: Reach) -> Gone:
    """What follows the id is kept no more."""
    return Gone(
        "events behind this one are kept no more; read the runs as they are, "
        "and go on with the oldest event that is kept",
        code="eventsPurged",
        details={
            "oldest": event_id(found.epoch, found.oldest),
            "after": event_id(found.epoch, found.oldest - 1),
        },
    )
