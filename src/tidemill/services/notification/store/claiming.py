"""Questions of who delivers: what is due where, who takes it, what came of it, and which receivers rest."""

from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, func, or_, select, update

from tidemill.contracts.notification import DeliveryStatus
from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.notification.store.outbox import pass_on, pending
from tidemill.services.notification.store.tables import destinations, run_webhook_deliveries, run_webhooks

_d = run_webhook_deliveries.c
_has_its_turn = _d.due_at.is_not(None)

_prospects = select(
    destinations,
    select(func.min(_d.due_at))
    .where(pending, _has_its_turn, _d.destination == destinations.c.name)
    .scalar_subquery()
    .label("due_at"),
)
_due = (
    select(_d.sequence)
    .where(pending, _has_its_turn, _d.destination == bindparam("to"), _d.due_at <= bindparam("now"))
    .order_by(_d.due_at, _d.sequence)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_claimed = (
    update(run_webhook_deliveries)
    .where(_d.sequence == bindparam("this"))
    .values(claim=bindparam("by"), due_at=bindparam("until"))
)
_settled = update(run_webhook_deliveries).where(
    pending, _d.sequence == bindparam("this"), _d.claim == bindparam("by")
)
_dropped = (
    update(run_webhook_deliveries)
    .where(pending, _has_its_turn, _d.claim != "")
    .values(claim="", due_at=bindparam("now"))
)
_named = destinations.c.name == bindparam("called")
_rest = destinations.c.rests_until
_is_awake = or_(_rest.is_(None), _rest <= bindparam("now"))
_probed = update(destinations).where(_named, _is_awake).values(rests_until=bindparam("until"))
_recovered = (
    update(destinations).where(_named, destinations.c.failures > 0).values(failures=0, rests_until=None)
)
_failed = update(destinations).where(_named).values(failures=destinations.c.failures + 1)
_failed_awake = _failed.where(_is_awake)
_awake_one = select(destinations.c.failures).where(_named, _is_awake)
_failures = select(destinations.c.failures).where(_named)
_resting = update(destinations).where(_named).values(rests_until=bindparam("until"))
_awake = update(destinations).where(_named).values(rests_until=None)


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """A destination: how often it failed without a success since, and when something is to go there."""

    destination: str
    failures: int
    rests_until: datetime | None
    due_at: datetime | None

    @property
    def next_at(self) -> datetime | None:
        """When there is something to do; None when nothing is pending."""
        if self.due_at is None or self.rests_until is None:
            return self.due_at
        return max(self.due_at, self.rests_until)


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery in the hands of who holds its claim."""

    sequence: int
    claim: str
    until: datetime
    """When the claim ends."""
    id: str
    webhook: str
    run: str
    destination: str
    attempts: int
    """Before this one."""
    payload: bytes
    is_probe: bool = False
    """It finds out whether a destination that has rested is back."""


async def prospects(tx: Snapshot) -> list[Prospect]:
    """Every destination."""
    return [
        Prospect(destination=row.name, failures=row.failures, rests_until=row.rests_until, due_at=row.due_at)
        for row in await tx.all(_prospects)
    ]


async def failures_of(tx: Snapshot, destination: str, now: datetime) -> int | None:
    """How often a destination has failed in a row; None while it rests."""
    row = await tx.one(_awake_one, {"called": destination, "now": now})
    return None if row is None else int(row.failures)


async def claim(
    tx: Transaction, destination: str, most: int, *, by: str, now: datetime, until: datetime
) -> list[Claimed]:
    """Take up to *most* deliveries that are due; nobody else does before *until*."""
    found = [row.sequence for row in await tx.all(_due, {"to": destination, "now": now, "most": most})]
    if not found:
        return []
    await tx.run(_claimed, [{"this": sequence, "by": by, "until": until} for sequence in found])
    query = (
        select(run_webhook_deliveries, run_webhooks.c.payload)
        .join(run_webhooks)
        .where(_d.sequence.in_(found))
        .order_by(_d.sequence)
    )
    return [
        Claimed(
            sequence=row.sequence,
            claim=row.claim,
            until=row.due_at,
            id=row.id,
            webhook=row.webhook,
            run=row.run,
            destination=row.destination,
            attempts=row.attempts,
            payload=row.payload,
        )
        for row in await tx.all(query)
    ]


async def probe(
    tx: Transaction, destination: str, *, by: str, now: datetime, until: datetime
) -> list[Claimed]:
    """Take one delivery to a destination that has rested, unless another one is trying it."""
    if await tx.run(_probed, {"called": destination, "now": now, "until": until}) != 1:
        return []
    found = await claim(tx, destination, 1, by=by, now=now, until=until)
    return [replace(one, is_probe=True) for one in found]


async def settle(
    tx: Transaction, claimed: Claimed, status: DeliveryStatus, *, status_code: int, reason: str, now: datetime
) -> bool:
    """Record the end of a delivery, and let the next one have its turn; False when the claim was lost."""
    changes = {
        "status": status,
        "status_code": status_code,
        "delivered_at": now if status_code else None,
        "due_at": None,
        "reason": reason,
    }
    if not await _change(tx, claimed, changes):
        return False
    await pass_on(tx, claimed.run, claimed.destination, now)
    return True


async def postpone(tx: Transaction, claimed: Claimed, *, until: datetime, reason: str) -> bool:
    """Have a delivery tried again later; False when the claim was lost."""
    return await _change(tx, claimed, {"due_at": until, "reason": reason})


async def give_back(tx: Transaction, claimed: Claimed, now: datetime) -> None:
    """Let somebody else deliver it, as if it had never been taken."""
    await tx.run(_settled, {"this": claimed.sequence, "by": claimed.claim, "claim": "", "due_at": now})


async def give_back_all(tx: Transaction, now: datetime) -> int:
    """Let everything that is in somebody's hands be delivered now; answers how much that is."""
    return await tx.run(_dropped, {"now": now})


async def _change(tx: Transaction, claimed: Claimed, changes: dict[str, object]) -> bool:
    row = {"this": claimed.sequence, "by": claimed.claim, "attempts": claimed.attempts + 1, "claim": ""}
    return await tx.run(_settled, row | changes) == 1


async def recovered(tx: Transaction, destination: str) -> None:
    """A destination has taken something."""
    await tx.run(_recovered, {"called": destination})


async def failed(tx: Transaction, destination: str, now: datetime, *, is_probe: bool) -> int:
    """A destination has not; answers how often that was so in a row, 0 when it rests for that already.

    Of several that were under way when it began to rest, the others are the same failure.
    """
    if is_probe:
        await tx.run(_failed, {"called": destination})
    elif not await tx.run(_failed_awake, {"called": destination, "now": now}):
        return 0
    return int(await tx.value(_failures, {"called": destination}) or 0)


async def rest(tx: Transaction, destination: str, until: datetime) -> None:
    """Let a destination be until then."""
    await tx.run(_resting, {"called": destination, "until": until})


async def wake(tx: Transaction, destination: str) -> None:
    """Try a destination again although it rests."""
    await tx.run(_awake, {"called": destination})
