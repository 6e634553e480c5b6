"""Following the event feed: what happens to runs goes into the outbox, and the place in the feed with it.

One instance follows at a time: the place is held by the one that started last, for a while after each
sign of life. Whoever has lost it cannot move it, and what it would have told is not told twice.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import anyio
import msgspec
import structlog
from prometheus_client import Counter

from tidemill.contracts.feed import OLDEST, Feed, RunChanged
from tidemill.core.plan import Plan
from tidemill.core.run import Run, RunId
from tidemill.errors import Failure, Gone, Unavailable
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.event_stream import Message, Parser
from tidemill.kit.streams import closing
from tidemill.kit.supervise import Loop
from tidemill.services.notification.payload import told_of
from tidemill.services.notification.plans import Plans
from tidemill.services.notification.store import outbox, places
from tidemill.services.notification.store.outbox import BELL, Told

#: The destination of what is told to the webhook in the settings.
INSTALLATION = "installation"
#: Seconds for which the place is held after it was moved.
LEASE = 30.0
#: Seconds after which it is moved though there was nothing to tell.
_RENEWAL = timedelta(seconds=5)
#: Seconds in which the feed says at least where it is; then its stream counts as dead.
_SILENCE = 45.0

_told = Counter("tidemill_run_webhooks", "States of runs that were put into the outbox.")
_decode = msgspec.json.Decoder(RunChanged).decode

log = structlog.get_logger("notification")


class PlaceLost(Exception):
    """Another instance follows the feed now."""


class Following:
    """The loop that follows the feed of events for as long as this instance holds the place."""

    def __init__(
        self,
        db: Database,
        bells: Bells,
        feed: Feed,
        plans: Plans,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._bells = bells
        self._feed = feed
        self._plans = plans
        self._clock = clock
        self._new_id = new_id
        self._me = new_id()
        self._position = ""
        self._moved_at = clock()

    def loop(self) -> Loop:
        """Its supervised work."""
        return Loop("follow-runs", self.work)

    async def start(self) -> None:
        """Take the place: whoever held it has died, or stands back."""
        now = self._clock()

        async def take(tx: Transaction) -> None:
            await places.begin(tx, now)
            await places.take(tx, self._me, now, now + timedelta(seconds=LEASE), by_force=True)

        await self._db.do(take)

    async def close(self) -> None:
        """Let another instance follow at once."""
        await self._db.do(lambda tx: places.release(tx, self._me, self._clock()))

    async def work(self) -> None:
        """Follow until the stream breaks or the place is lost; nothing, while another one holds it."""
        now = self._clock()
        until = now + timedelta(seconds=LEASE)
        place = await self._db.do(lambda tx: places.take(tx, self._me, now, until, by_force=False))
        if place is None:
            return
        self._position = place.position
        try:
            while True:
                try:
                    await self._follow(place.since)
                except Gone as gone:
                    await self._go_on(gone)
        except PlaceLost:
            log.info("another instance follows the feed of events now")

    async def _follow(self, since: datetime) -> None:
        parser = Parser(self._position)
        try:
            async with closing(await self._feed.events(self._position or OLDEST)) as stream:
                while True:
                    with anyio.fail_after(_SILENCE):
                        chunk = await anext(stream, None)
                    if chunk is None:
                        raise Unavailable("the feed of events has ended")
                    news = await self._news(parser.feed(chunk), since)
                    if news or self._clock() - self._moved_at > _RENEWAL:
                        await self._move(parser.last_id, news)
        except TimeoutError as error:
            raise Unavailable(f"the feed of events was silent for {_SILENCE:g} s") from error

    async def _news(self, messages: Sequence[Message], since: datetime) -> list[Told]:
        """What is to be told of that; an event that cannot be understood stands in nobody's way."""
        news: list[Told] = []
        for message in messages:
            if message.event != "run":
                continue
            try:
                run = _decode(message.data)
                if run.at >= since:
                    news += told_of(run, await self._plan(run))
            except Unavailable:
                raise
            except Exception:
                log.exception("an event is passed over", event_id=message.id)
        return news

    async def _plan(self, run: Run) -> Plan | None:
        """The plan of a run; what it has become is told also when that cannot be read."""
        try:
            return await self._plans.of(run)
        except Unavailable:
            raise
        except Failure as error:
            log.warning("the plan of a run cannot be read", run=run.id, reason=error.message)
            return None

    async def _move(self, to: str, news: Sequence[Told]) -> None:
        """Put *news* into the outbox and move the place, in one transaction."""
        now, old = self._clock(), self._position
        # Should the transaction run again, it uses the same ids.
        ids = [self._new_id() for _ in range(2 * len(news))]

        async def move(tx: Transaction) -> int:
            if not await places.move(tx, self._me, old, to, now + timedelta(seconds=LEASE)):
                raise PlaceLost
            told = await outbox.tell(tx, news, INSTALLATION, now, iter(ids))
            if told:
                tx.after_commit(self._bells.ring, BELL)
            return told

        _told.inc(await self._db.do(move))
        self._position, self._moved_at = to, now

    async def _go_on(self, gone: Gone) -> None:
        """Events are gone: tell how runs are now whose end was not told, and go on with what there is."""
        details = gone.details if isinstance(gone.details, dict) else {}
        to = str(details.get("after", "")) if gone.code == "eventsPurged" else ""
        log.warning(
            "events were missed, and what happened in them is not told one by one",
            reason=gone.message,
            code=gone.code,
            position=self._position,
        )
        news: list[Told] = []
        for run in await self._db.read(outbox.without_an_end):
            detail = await self._plans.detail(RunId(run))
            news += told_of(detail.run, detail.plan) if detail else ()
        await self._move(to, news)
