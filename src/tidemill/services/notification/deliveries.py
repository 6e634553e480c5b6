"""Deliveries as others see them, and once more where somebody wants that."""

from collections.abc import Callable
from datetime import datetime

from tidemill.contracts.notification import (
    CommitStatusDelivery,
    DeliveryStatus,
    Notification,
    RunWebhookDelivery,
)
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Transaction
from tidemill.services.notification.store import claiming, listing, outbox


class Deliveries(Notification):
    """Lists along an index, and redelivery. No forge is told of commits yet: of these there are none."""

    def __init__(
        self, db: Database, bells: Bells, *, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._db = db
        self._bells = bells
        self._clock = clock
        self._new_id = new_id

    async def run_webhook_deliveries(
        self,
        project: str,
        after: int | None = None,
        status: tuple[DeliveryStatus, ...] = (),
        ascending: bool = True,
        limit: int = 30,
    ) -> Page[RunWebhookDelivery]:
        found = await self._db.read(
            lambda tx: listing.page(
                tx,
                project,
                after=after,
                status=status,
                ascending=ascending,
                limit=limit + 1 if limit else 0,
            )
        )
        if not limit or len(found) <= limit:
            return Page(found)
        return Page(found[:limit], str(found[limit - 1].sequence))

    async def redeliver_run_webhook(self, project: str, id: str) -> None:
        new, now = self._new_id(), self._clock()

        async def again(tx: Transaction) -> None:
            content = await outbox.content_of(tx, id)
            if content is None or content.project != project:
                raise NotFound(
                    f"the project has no run webhook delivery {id!r}", code="runWebhookDeliveryDoesNotExist"
                )
            if await outbox.is_pending(tx, content.webhook):
                raise BadRequest(
                    "a delivery of this is not over yet; wait for it",
                    code="runWebhookDeliveryAlreadyInProgress",
                )
            await outbox.deliver(tx, content, new, now)
            await claiming.wake(tx, content.destination)
            tx.after_commit(self._bells.ring, outbox.BELL)

        await self._db.do(again)

    async def commit_status_deliveries(
        self,
        project: str,  # noqa: ARG002 - of every project there are none
        after: int | None = None,  # noqa: ARG002
        status: tuple[DeliveryStatus, ...] = (),  # noqa: ARG002
        ascending: bool = True,  # noqa: ARG002
        limit: int = 30,  # noqa: ARG002
    ) -> Page[CommitStatusDelivery]:
        return Page([])

    async def redeliver_commit_status(self, project: str, id: str) -> None:
        raise NotFound(
            f"the project {project} has no commit status delivery {id!r}",
            code="commitStatusDeliveryDoesNotExist",
        )
