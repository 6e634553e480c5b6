"""Tasks that no executor can take: where the settings say so, they fail after a time, and say why.

What counts is how long no executor that suits was online although it could have been heard: a start, or a
pause of this process, gives every executor its lease, and the task its whole time, once more.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from tidemill.core.placement import Demand, suits
from tidemill.core.report import give_up
from tidemill.core.spans import span
from tidemill.kit.alarm import Alarm
from tidemill.kit.coord import Bell
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.supervise import FASTEST_TICK, Loop, one_by_one
from tidemill.services.runservice.changing import Changes, Means
from tidemill.services.runservice.claiming import offer_of
from tidemill.services.runservice.listening import Listening
from tidemill.services.runservice.store import executors, jobs
from tidemill.services.runservice.store.executors import Heard
from tidemill.settings import RunserviceSettings

_LOOP = "unclaimable"
#: Tasks that fail in one transaction.
_AT_ONCE = 100

log = structlog.get_logger()


class Unclaimable:
    """Looks at what queued jobs ask for and nobody offers; its own bell rings when the next is due."""

    def __init__(
        self, db: Database, means: Means, settings: RunserviceSettings, *, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._means = means
        self._after = timedelta(seconds=settings.unclaimable_after)
        self._is_on = settings.unclaimable == "fail"
        self._clock = clock
        self._listening = Listening(FASTEST_TICK)
        self._bell: Bell = means.bells.listen("unclaimable")
        self._alarm = Alarm(self._bell.ring)

    def loops(self) -> list[Loop]:
        """Nothing where tasks wait for as long as it takes."""
        if not self._is_on:
            return []
        return [Loop(_LOOP, self.look, seconds=FASTEST_TICK, bell=self._bell)]

    def close(self) -> None:
        """Ring no more."""
        self._alarm.ring_in(None)
        self._bell.close()

    async def look(self) -> None:
        """Fail what nobody could take for too long, and see when that is so for the next."""
        now = self._clock()
        unserved = await self._db.read(lambda tx: self._unserved(tx, now))
        due: list[datetime | None] = []

        async def look_at(key: int) -> None:
            due.append(await self._fail_or_wait(key, *unserved[key], now))

        await one_by_one(_LOOP, unserved, look_at)
        self._alarm.ring_at(min(filter(None, due), default=None), now)

    async def _fail_or_wait(
        self, key: int, demand: Demand, since: datetime, now: datetime
    ) -> datetime | None:
        """Fail what has waited for too long; answers when more of it may have."""
        if now - since < self._after:
            return since + self._after
        await self._fail(key, demand, now)
        first = await self._db.read(lambda tx: jobs.queued_since(tx, key, now - self._after))
        return first and first + self._after

    async def _unserved(self, tx: Snapshot, now: datetime) -> dict[int, tuple[Demand, datetime]]:
        """The demands of queued jobs that nobody who is online suits, and since when that is so at least."""
        wanted = await self._means.demands.open(tx)
        known = await executors.offers(tx) if wanted else []
        listening = self._listening.since(now)
        since = {key: self._silent_since(demand, known, listening) for key, demand in wanted.items()}
        return {key: (wanted[key], begun) for key, begun in since.items() if begun <= now}

    def _silent_since(self, demand: Demand, known: Iterable[Heard], listening: datetime) -> datetime:
        heard = (one.seen_at for one in known if suits(demand, offer_of(one.info)))
        return max([listening, *heard]) + self._means.lease

    async def _fail(self, key: int, demand: Demand, now: datetime) -> None:
        while await self._db.do(lambda tx: self._fail_some(tx, key, demand, now)) == _AT_ONCE:
            log.info("more tasks that no executor takes", demand=key)

    async def _fail_some(self, tx: Transaction, key: int, demand: Demand, now: datetime) -> int:
        found = await jobs.queued_for(tx, key, now - self._after, _AT_ONCE)
        changes = Changes(tx, self._means, now)
        reason = f"no executor that takes it was online for {span(self._after.total_seconds())}"
        wanted = {job.id for job in found}
        for hand in await changes.take({job.place[0] for job in found}):
            # One that was claimed since, or begun, is somebody's and none of ours.
            mine = [job for job in hand.jobs.values() if job.id in wanted and job.executor is None]
            for job in mine:
                hand.put(give_up(hand.run.task(job.task_id), reason, now))
            await changes.remove_jobs(hand, [job.id for job in mine])
            await changes.advance(hand)
        await changes.settle()
        if found:
            log.warning("tasks have failed: no executor takes them", tasks=len(found), runtime=demand.runtime)
        return len(found)
