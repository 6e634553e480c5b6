"""Questions of people about deliveries, answered along an index however many there are."""

from collections.abc import Collection

from sqlalchemy import Select, select, union_all

from tidemill.contracts.notification import DeliveryStatus, RunWebhookDelivery
from tidemill.kit.db import AnyRow, Snapshot
from tidemill.services.notification.store.tables import run_webhook_deliveries

_d = run_webhook_deliveries.c


async def page(
    tx: Snapshot,
    project: str,
    *,
    after: int | None,
    status: Collection[DeliveryStatus],
    ascending: bool,
    limit: int,
) -> list[RunWebhookDelivery]:
    """Up to *limit* deliveries (0 is all) of a project behind *after*, of one of some states or of any."""

    def of(*one: DeliveryStatus) -> Select[tuple[int]]:
        query = select(_d.sequence).where(_d.project == project, *(_d.status == each for each in one))
        if after is not None:
            query = query.where(_d.sequence > after if ascending else _d.sequence < after)
        query = query.order_by(_d.sequence if ascending else _d.sequence.desc())
        return query.limit(limit) if limit else query

    # Each state by its own stretch of the index, so that a rare one is not looked for among all others.
    parts = [select(of(one).subquery()) for one in sorted(set(status))] or [select(of().subquery())]
    some = union_all(*parts).subquery()
    query = select(run_webhook_deliveries).where(_d.sequence.in_(select(some.c.sequence)))
    query = query.order_by(_d.sequence if ascending else _d.sequence.desc())
    return [_delivery(row) for row in await tx.all(query.limit(limit) if limit else query)]


def _delivery(row: AnyRow) -> RunWebhookDelivery:
    return RunWebhookDelivery(
        id=row.id,
        sequence=row.sequence,
        webhook=row.webhook,
        run=row.run,
        status=DeliveryStatus(row.status),
        delivered_at=row.delivered_at,
        status_code=row.status_code,
        attempts=row.attempts,
        reason=row.reason,
        next_attempt_at=row.due_at,
    )
