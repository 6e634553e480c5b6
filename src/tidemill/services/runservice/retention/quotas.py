"""The quota of caches: what does not fit pushes out what was used least recently."""

from collections.abc import Callable
from datetime import datetime

from tidemill.errors import TooLarge
from tidemill.kit.coord import Bells
from tidemill.kit.db import Transaction
from tidemill.services.runservice import groups
from tidemill.services.runservice.retention.clearing import BELL
from tidemill.services.runservice.retention.pacing import count_removed
from tidemill.services.runservice.store import expiry
from tidemill.services.runservice.store.archives import Kept


class CacheQuota:
    """How much the caches of a counter group may have; 0 is no limit."""

    def __init__(self, size: int, bells: Bells, *, clock: Callable[[], datetime]) -> None:
        self._size = size
        self._bells = bells
        self._clock = clock

    def check(self, new: Kept) -> None:
        """TooLarge `cacheQuotaExceeded` when a cache would not even fit alone."""
        if self._size and new.size > self._size:
            raise TooLarge(
                f"the cache has {new.size:,} bytes; all caches of this project together may have"
                f" {self._size:,}",
                code="cacheQuotaExceeded",
            )

    async def make_room(self, tx: Transaction, group: str, new: Kept) -> None:
        """Remove other caches of a new one's counter group until all fit."""
        if not self._size:
            return
        counter = groups.counter_path(group)
        removed = await expiry.limit_caches(tx, counter, self._size, self._clock(), keep=new.id)
        if removed:
            tx.after_commit(count_removed, "caches", removed)
            tx.after_commit(self._bells.ring, BELL)
