"""The rounds of retention: what is looked at how often."""

from collections.abc import Callable
from datetime import datetime

from tidemill.kit.coord import Bells
from tidemill.kit.db import Database
from tidemill.kit.objects import Objects
from tidemill.kit.supervise import Loop
from tidemill.services.runservice.retention.clearing import Clearing
from tidemill.services.runservice.retention.expiring import Expiring
from tidemill.services.runservice.retention.pacing import Tally
from tidemill.services.runservice.retention.policy import RunPolicy
from tidemill.services.runservice.retention.storage import GROUPS, StorageRoom
from tidemill.services.runservice.retention.sweeping import Sweeping
from tidemill.settings.retention import RetentionSettings

_MINUTE = 60.0
_HOUR = 3600.0
_DAY = 86_400.0


class Retention:
    """All of it: the loops, and what may be asked."""

    def __init__(
        self,
        db: Database,
        objects: Objects,
        bells: Bells,
        settings: RetentionSettings,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self.storage = StorageRoom(db, bells, settings, clock=clock)
        self.clearing = Clearing(db, objects, bells, clock=clock)
        self._policy = RunPolicy(db, settings, clock=clock)
        self._expiring = Expiring(db, settings, clock=clock)
        self._sweeping = Sweeping(db, objects, clock=clock)
        self._groups = bells.listen(GROUPS)

    def loops(self) -> list[Loop]:
        """Its supervised work."""
        return [
            Loop("doomed-cleared", self.clearing.work, _MINUTE, self.clearing.bell),
            Loop("retention", self.expire, _HOUR, self._groups),
            Loop("retention-daily", self.look_through, _DAY),
        ]

    def close(self) -> None:
        """Hear nothing any more."""
        self._groups.close()
        self.clearing.bell.close()

    async def expire(self) -> None:
        """Remove what is to go by age, number and quota."""
        tally = Tally()
        await self._policy.apply(tally)
        await self._expiring.apply(tally)
        tally.tell()
        self.clearing.ring()

    async def look_through(self) -> None:
        """Look for what nobody knows any more: objects, and groups without runs."""
        tally = Tally()
        await self._sweeping.sweep(tally)
        await self._expiring.groups(tally)
        tally.tell()
