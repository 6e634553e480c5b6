"""Runs of which something follows from the time alone: advanced when it has come, one transaction each."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from tidemill.kit.alarm import Alarm
from tidemill.kit.coord import Bell
from tidemill.kit.db import Database, Transaction
from tidemill.kit.supervise import Loop, one_by_one
from tidemill.services.runservice.changing import TIMED, Changes, Means
from tidemill.services.runservice.store import runs

_LOOP = "timed-runs"


class Timing:
    """Looks at runs that wait for a time, and rings its own bell for the next one."""

    def __init__(self, db: Database, means: Means, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._means = means
        self._clock = clock
        self._bell: Bell = means.bells.listen(TIMED)
        self._alarm = Alarm(partial(means.bells.ring, TIMED))

    def loops(self) -> list[Loop]:
        """The look, which is due at the latest when the next one's time comes."""
        return [Loop(_LOOP, self.look, bell=self._bell)]

    async def look(self) -> None:
        """Advance the runs whose time has come, and see when that is for the next."""
        now = self._clock()
        due, following = await self._db.read(lambda tx: runs.due(tx, now))
        advanced = await one_by_one(_LOOP, due, lambda sequence: self._advance(sequence, now))
        if advanced:
            self._means.bells.ring(TIMED)
        self._alarm.ring_at(following, now)

    def close(self) -> None:
        """Ring no more."""
        self._alarm.ring_in(None)
        self._bell.close()

    async def _advance(self, sequence: int, now: datetime) -> None:
        async def advance(tx: Transaction) -> None:
            changes = Changes(tx, self._means, now)
            for hand in await changes.take({sequence}):
                await changes.advance(hand)
            await changes.settle()

        await self._db.do(advance)
