"""The feed of events as streams: any number of readers, each at its own place, one look for all of them."""

import time
from collections.abc import AsyncIterator

from tidemill.contracts.feed import OLDEST, Feed
from tidemill.errors import BadRequest
from tidemill.kit import event_stream
from tidemill.kit.contract import current_call
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Reach, reach
from tidemill.services.runservice.tail import Tail, epoch_changed, event_id, purged

#: Seconds of silence after which a reader is told where it is.
_SILENCE = 15.0
#: Digits of the greatest number that a database holds.
_DIGITS = 18


class EventFeed(Feed):
    """What happens to runs, for any number of readers."""

    def __init__(self, db: Database, bells: Bells) -> None:
        self._db = db
        self._tail = Tail(db, bells)

    async def events(self, after: str = "", group: str = "") -> AsyncIterator[bytes]:
        after = current_call().last_event_id or after
        found = await self._db.read(reach)
        return self._stream(found.epoch, _sequence(after, found), group)

    def close(self) -> None:
        """Look no more for readers that are still there."""
        self._tail.close()

    async def _stream(self, epoch: str, at: int, group: str) -> AsyncIterator[bytes]:
        """Where the stream is; then what happens, or where it is when it has said nothing for long."""
        with self._tail.reader(group) as reader:
            yield event_stream.position(event_id(epoch, at))
            spoke_at = time.monotonic()
            while True:
                stretch = await self._tail.stretch(reader, epoch, at)
                at = stretch.end
                if stretch.told:
                    yield b"".join(one.message for one in stretch.told)
                    spoke_at = time.monotonic()
                silence = time.monotonic() - spoke_at
                if silence >= _SILENCE:
                    yield event_stream.position(event_id(epoch, at))
                    spoke_at = time.monotonic()
                elif at == stretch.last:
                    await reader.wait(_SILENCE - silence)


def _sequence(after: str, found: Reach) -> int:
    """The number behind which a reader wants to begin; Gone when nobody can do that any more."""
    if not after:
        return found.last
    if after == OLDEST:
        return found.oldest - 1
    epoch, _, digits = after.rpartition("-")
    if not (epoch and digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
        raise BadRequest(f"{after[:100]!r} is not the id of an event", code="invalidEventId")
    sequence = int(digits)
    if epoch != found.epoch or sequence > found.last:
        raise epoch_changed(found)
    if sequence + 1 < found.oldest:
        raise purged(found)
    return sequence
