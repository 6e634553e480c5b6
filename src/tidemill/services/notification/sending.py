"""Sending what is due: claimed for a while, delivered outside of any transaction, settled by the claim.

A process that dies with a delivery in hand leaves its claim behind; when that is over, another one (or
the same, started again) delivers once more. So a delivery arrives at least once, and never twice at
the same time.
"""

from collections import Counter as Tally
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import anyio
import structlog
from prometheus_client import Counter

from tidemill.contracts.notification import DeliveryStatus
from tidemill.errors import Unavailable
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.kit.guarded_http import Answer, GuardedHttp, Refused
from tidemill.kit.supervise import Loop
from tidemill.services.notification import patience
from tidemill.services.notification.signing import headers
from tidemill.services.notification.store import claiming
from tidemill.services.notification.store.claiming import Claimed, Prospect
from tidemill.services.notification.store.outbox import BELL
from tidemill.settings import NotificationSettings

#: Deliveries under way at once, to one destination.
AT_ONCE = 8
#: Seconds beyond a delivery's time for which its claim holds.
_GRACE = 20.0
_TICK = 15.0
#: Seconds that giving back what is in hand may take at the end.
_FAREWELL = 2.0

_attempts = Counter(
    "tidemill_webhook_attempts", "Attempts to deliver to webhooks, by what came of them.", ["outcome"]
)

log = structlog.get_logger("webhooks")


class Sending:
    """The loop over deliveries that are due."""

    def __init__(
        self,
        settings: NotificationSettings,
        db: Database,
        bells: Bells,
        http: GuardedHttp,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._db = db
        self._http = http
        self._clock = clock
        self._new_id = new_id
        self._bell = bells.listen(BELL)
        self._busy: Tally[str] = Tally()

    def loop(self) -> Loop:
        """Its supervised work."""
        return Loop("deliver-webhooks", self.work, _TICK, self._bell)

    async def start(self) -> None:
        """On a database that no other process uses, whoever has something in hand has died with it."""

        async def give_back(tx: Transaction) -> int:
            return await claiming.give_back_all(tx, self._clock()) if tx.dialect == "sqlite" else 0

        found = await self._db.do(give_back)
        if found:
            log.info("deliveries of a server that has died are tried again", deliveries=found)

    def close(self) -> None:
        """Hear nothing any more."""
        self._bell.close()

    async def work(self) -> None:
        """Deliver all that is due, and what comes in meanwhile, until nothing is left for now."""
        async with anyio.create_task_group() as group:
            while (pause := await self._looked(group.start_soon)) is not None:
                await self._bell.wait(pause)

    async def _looked(self, start: Callable[..., object]) -> float | None:
        """Start what is due; a database that is away interrupts nothing that is under way."""
        try:
            return await self._start_due(start)
        except Unavailable as error:
            if not self._busy.total():
                raise
            log.warning("deliveries that are due are not seen", reason=error.message)
            return _TICK

    async def _start_due(self, start: Callable[..., object]) -> float | None:
        """Start what is due and fits; seconds until the next look, None when there is nothing to wait for."""
        now = self._clock()
        prospects = await self._db.read(claiming.prospects)
        for one in prospects:
            if one.next_at is not None and one.next_at <= now and self._room(one):
                for claimed in await self._claim(one):
                    self._busy[claimed.destination] += 1
                    start(self._deliver, claimed)
        if self._busy.total():
            return _TICK
        times = [one.next_at for one in prospects if one.next_at is not None and one.next_at > now]
        later = (min(times) - now).total_seconds() if times else _TICK
        return None if later >= _TICK else later

    def _room(self, prospect: Prospect) -> int:
        """How many more may go there at once; to one that has rested, one that finds out."""
        most = 1 if prospect.failures >= patience.FAILURES else AT_ONCE
        return max(most - self._busy[prospect.destination], 0)

    async def _claim(self, prospect: Prospect) -> list[Claimed]:
        now, claim = self._clock(), self._new_id()
        until = now + timedelta(seconds=self._settings.webhook_timeout + _GRACE)
        most = self._room(prospect)

        async def take(tx: Transaction) -> list[Claimed]:
            to = prospect.destination
            # Looked at again: it may have failed since, and an answer to what is in hand decides it.
            failures = await claiming.failures_of(tx, to, now)
            if failures is None:
                return []
            if failures >= patience.FAILURES:
                return await claiming.probe(tx, to, by=claim, now=now, until=until)
            return await claiming.claim(tx, to, most, by=claim, now=now, until=until)

        return await self._db.do(take)

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            if self._clock() > claimed.until - timedelta(seconds=self._settings.webhook_timeout):
                log.warning("a claim came too late to be of use", delivery=claimed.id, run=claimed.run)
                return
            await self._record(claimed, await self._send(claimed))
        except Exception:
            # The claim ends by itself, and the delivery is tried again then.
            log.exception("a delivery could not be recorded", delivery=claimed.id, run=claimed.run)
        except BaseException:
            with anyio.move_on_after(_FAREWELL, shield=True), suppress(Unavailable):
                await self._db.do(lambda tx: claiming.give_back(tx, claimed, self._clock()))
            raise
        finally:
            self._busy[claimed.destination] -= 1
            self._bell.ring()

    async def _send(self, claimed: Claimed) -> Answer:
        settings = self._settings
        with_headers = headers(claimed, settings.webhook_secret, self._clock())
        try:
            return await self._http.post(
                settings.webhook_url, claimed.payload, with_headers, settings.webhook_timeout
            )
        except Refused as refused:
            log.warning(
                "a webhook's address is refused; notification.webhook_allow can allow it", reason=str(refused)
            )
            return Answer(0, "the address of the receiver is not one that webhooks may go to")

    async def _record(self, claimed: Claimed, answer: Answer) -> None:
        is_delivered = 200 <= answer.status < 300
        is_last = claimed.attempts + 1 >= self._settings.webhook_attempts
        reason = "" if is_delivered else answer.reason or f"the receiver answered {answer.status}"
        status = DeliveryStatus.DELIVERED if is_delivered else DeliveryStatus.ERROR
        now, wait = self._clock(), patience.pause(claimed.attempts + 1)

        async def settle(tx: Transaction) -> bool:
            if is_delivered or is_last:
                mine = await claiming.settle(
                    tx, claimed, status, status_code=answer.status, reason=reason, now=now
                )
            else:
                again_at = now + timedelta(seconds=wait)
                mine = await claiming.postpone(tx, claimed, until=again_at, reason=reason)
            await self._judge(tx, claimed, now, is_good=is_delivered)
            return mine

        if not await self._db.do(settle):
            log.warning("a delivery took longer than its claim", delivery=claimed.id, run=claimed.run)
        _attempts.labels("delivered" if is_delivered else "given up" if is_last else "failed").inc()
        if is_delivered:
            log.debug("delivered", delivery=claimed.id, run=claimed.run, status=answer.status)
        else:
            log.warning(
                "not delivered",
                delivery=claimed.id,
                run=claimed.run,
                reason=reason,
                attempt=claimed.attempts + 1,
                again_in=None if is_last else round(wait, 1),
            )

    @staticmethod
    async def _judge(tx: Transaction, claimed: Claimed, now: datetime, *, is_good: bool) -> None:
        """A receiver that fails again and again rests; one that takes something is awake."""
        if is_good:
            await claiming.recovered(tx, claimed.destination)
            return
        failures = await claiming.failed(tx, claimed.destination, now, is_probe=claimed.is_probe)
        seconds = patience.rest(failures)
        if seconds:
            await claiming.rest(tx, claimed.destination, now + timedelta(seconds=seconds))
