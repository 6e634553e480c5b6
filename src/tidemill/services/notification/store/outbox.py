"""Questions about the outbox: what is told, to whom, and whose turn it is.

Deliveries to one destination that are about the same run go one after the other. Only the oldest that
is pending has a time at which it is due; it hands the turn on when it is over. So what waits behind a
dead receiver is never looked at.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, exists, func, literal, select, update

from tidemill.contracts.notification import DeliveryStatus
from tidemill.core.run import Phase
from tidemill.kit.db import Snapshot, Transaction
from tidemill.services.notification.store.tables import destinations, run_webhook_deliveries, run_webhooks

#: What rings when something has come to be due.
BELL = "deliveries"

_d = run_webhook_deliveries.c
_FINAL = tuple(phase.value for phase in Phase if phase.is_final)
#: Written into statements, since a partial index is of no use to a parameter.
pending = _d.status == literal(DeliveryStatus.NOT_DELIVERED.value, literal_execute=True)

_of_run = (pending, _d.run == bindparam("about"), _d.destination == bindparam("to"))
_pending_of_run = select(_d.sequence).where(*_of_run).order_by(_d.sequence).with_for_update()
_first_of_run = select(func.min(_d.sequence)).where(*_of_run)
_give_turn = (
    update(run_webhook_deliveries)
    .where(_d.sequence == bindparam("this"), _d.due_at.is_(None))
    .values(due_at=bindparam("now"))
)
_webhook_of = (
    select(run_webhooks.c.id, _d.project, _d.run, _d.destination)
    .join(run_webhook_deliveries)
    .where(_d.id == bindparam("called"))
    .with_for_update(of=run_webhooks)
)
_pending_of_webhook = select(_d.sequence).where(pending, _d.webhook == bindparam("of")).limit(1)
_later = run_webhooks.alias("later")
_ended = exists().where(_later.c.run == run_webhooks.c.run, _later.c.phase.in_(_FINAL))
_without_an_end = select(run_webhooks.c.run).where(run_webhooks.c.phase.not_in(_FINAL), ~_ended).distinct()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A state that a run is in, as it is told."""

    project: str
    run: str
    phase: str
    result: str
    payload: bytes


class Content(msgspec.Struct, frozen=True):
    """What was delivered before: the webhook's id, whose it is, about which run, and where it went."""

    webhook: str
    project: str
    run: str
    destination: str


async def tell(
    tx: Transaction, news: Iterable[Told], destination: str, now: datetime, ids: Iterator[str]
) -> int:
    """Put *news* into the outbox, but for states that were told before; answers how many are new.

    Each takes two of *ids*.
    """
    told = 0
    for one in news:
        webhook, delivery = next(ids), next(ids)
        row = msgspec.structs.asdict(one) | {"id": webhook, "created_at": now}
        if await tx.insert_new(run_webhooks, row):
            await deliver(tx, Content(webhook, one.project, one.run, destination), delivery, now)
            told += 1
    return told


async def deliver(tx: Transaction, content: Content, id: str, now: datetime) -> None:
    """Add a delivery; it is due when nothing about the same run is pending before it."""
    await tx.insert_new(destinations, {"name": content.destination, "failures": 0})
    # Locked, so that an earlier one that ends meanwhile finds this one, or this one finds it over.
    before = await tx.all(_pending_of_run, {"about": content.run, "to": content.destination})
    row = msgspec.structs.asdict(content) | {
        "id": id,
        "status": DeliveryStatus.NOT_DELIVERED,
        "attempts": 0,
        "due_at": None if before else now,
        "claim": "",
        "status_code": 0,
        "reason": "",
    }
    await tx.run(run_webhook_deliveries.insert(), row)


async def pass_on(tx: Transaction, run: str, destination: str, now: datetime) -> None:
    """Let the next delivery about a run have its turn, if it has none."""
    first = await tx.value(_first_of_run, {"about": run, "to": destination})
    if first is not None:
        await tx.run(_give_turn, {"this": first, "now": now})


async def content_of(tx: Transaction, delivery: str) -> Content | None:
    """What a delivery delivers, locked against others that would deliver it again; None if it is unknown."""
    row = await tx.one(_webhook_of, {"called": delivery})
    return None if row is None else Content(row.id, row.project, row.run, row.destination)


async def is_pending(tx: Snapshot, webhook: str) -> bool:
    """Whether any delivery of a webhook is not over."""
    return await tx.one(_pending_of_webhook, {"of": webhook}) is not None


async def without_an_end(tx: Snapshot) -> list[str]:
    """Runs of which something was told, but not yet how they ended."""
    return [row.run for row in await tx.all(_without_an_end)]
