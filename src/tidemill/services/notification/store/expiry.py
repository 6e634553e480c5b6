"""Questions about what has had its time: webhooks, with all of their deliveries."""

from datetime import datetime

from sqlalchemy import delete, select

from tidemill.kit.db import Transaction
from tidemill.services.notification.store.outbox import pass_on, pending
from tidemill.services.notification.store.tables import run_webhook_deliveries, run_webhooks

_d = run_webhook_deliveries.c


async def remove(tx: Transaction, before: datetime, now: datetime, limit: int) -> tuple[int, int]:
    """Remove up to *limit* of the oldest webhooks that are from *before*.

    Answers how many there were, and how many of their deliveries were not over.
    """
    old = select(run_webhooks.c.id).where(run_webhooks.c.created_at < before)
    ids = [row.id for row in await tx.all(old.order_by(run_webhooks.c.created_at).limit(limit))]
    if not ids:
        return 0, 0
    theirs = _d.webhook.in_(ids)
    given_up = await tx.all(select(_d.run, _d.destination).where(pending, theirs))
    await tx.run(delete(run_webhook_deliveries).where(theirs))
    await tx.run(delete(run_webhooks).where(run_webhooks.c.id.in_(ids)))
    for run, destination in {(row.run, row.destination) for row in given_up}:
        await pass_on(tx, run, destination, now)
    return len(ids), len(given_up)
