"""What has had its time: webhooks with their deliveries, a few in each transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from tidemill.kit.db import Database
from tidemill.kit.supervise import Loop
from tidemill.services.notification.store import expiry

_AT_ONCE = 200

log = structlog.get_logger("webhooks")


class Expiring:
    """The loop over old webhooks."""

    def __init__(self, db: Database, seconds: float, *, clock: Callable[[], datetime]) -> None:
        """*seconds* is how long they are kept; 0 is for ever."""
        self._db = db
        self._seconds = seconds
        self._clock = clock

    def loop(self) -> Loop:
        """Its supervised work."""
        return Loop("old-webhooks", self.work, 3600.0)

    async def work(self) -> None:
        """Remove all that are too old, also those that were never delivered."""
        if not self._seconds:
            return
        now = self._clock()
        before = now - timedelta(seconds=self._seconds)
        removed = given_up = 0
        while True:
            gone, pending = await self._db.do(lambda tx: expiry.remove(tx, before, now, _AT_ONCE))
            removed, given_up = removed + gone, given_up + pending
            if gone < _AT_ONCE:
                break
        if given_up:
            log.warning("webhooks were never delivered and are too old now", deliveries=given_up)
        if removed:
            log.info("old webhooks removed", webhooks=removed)
