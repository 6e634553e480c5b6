"""Forgetting pushes: what was worked on long ago, a few in each transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter

from tidemill.kit.db import Database
from tidemill.kit.supervise import Loop
from tidemill.services.gateway.store import inbox

_AT_ONCE = 100

_forgotten = Counter("tidemill_pushes_forgotten", "Pushes that were worked on and are remembered no more.")

log = structlog.get_logger("inbox")


class Forgetting:
    """The loop over old pushes; those that still have something pending stay."""

    def __init__(self, db: Database, seconds: float, *, clock: Callable[[], datetime]) -> None:
        """*seconds* is how long a push is remembered; 0 is for ever."""
        self._db = db
        self._seconds = seconds
        self._clock = clock

    def loop(self) -> Loop:
        """Its supervised work."""
        return Loop("old-pushes", self.work, 3600.0)

    async def work(self) -> None:
        """Forget all that have had their time."""
        if not self._seconds:
            return
        before = self._clock() - timedelta(seconds=self._seconds)
        forgotten = after = 0
        while found := await self._some(after):
            after = found[-1][0]
            old = [sequence for sequence, received_at in found if received_at < before]
            if not old:
                break
            forgotten += await self._forget(old)
        if forgotten:
            _forgotten.inc(forgotten)
            log.info("old pushes forgotten", pushes=forgotten)

    async def _some(self, after: int) -> list[tuple[int, datetime]]:
        return await self._db.read(lambda tx: inbox.oldest_pushes(tx, after, _AT_ONCE))

    async def _forget(self, sequences: list[int]) -> int:
        return await self._db.do(lambda tx: inbox.forget(tx, sequences))
