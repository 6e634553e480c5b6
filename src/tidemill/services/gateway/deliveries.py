"""Deliveries to webhooks and forges, behind the permission to see those of their project."""

from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.deliveries import (
    CommitStatusDeliveryResponse,
    DeliveriesQuery,
    DeliveryRoutes,
    RunWebhookDeliveryResponse,
)
from tidemill.contracts.notification import CommitStatusDelivery, Notification, RunWebhookDelivery
from tidemill.core.permissions import Action
from tidemill.kit.contract import Page
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import current_caller, thing
from tidemill.services.gateway.paging import deliveries_page


class Deliveries(DeliveryRoutes):
    """What was delivered of a project, for those who may change it."""

    def __init__(self, configstore: Configstore, notification: Notification) -> None:
        self._configstore = configstore
        self._notification = notification

    async def run_webhook_deliveries(
        self, projectref: str, **wanted: Unpack[DeliveriesQuery]
    ) -> Page[RunWebhookDeliveryResponse]:
        page = deliveries_page(wanted)
        project = await self._project(projectref)
        found = await self._notification.run_webhook_deliveries(
            project, page.after, page.status, page.ascending, page.limit
        )
        return Page([_run_webhook(one) for one in found.items], page.cursor(found.cursor))

    async def redeliver_run_webhook(self, projectref: str, runwebhookdeliveryid: str) -> None:
        project = await self._project(projectref)
        await self._notification.redeliver_run_webhook(project, runwebhookdeliveryid)

    async def commit_status_deliveries(
        self, projectref: str, **wanted: Unpack[DeliveriesQuery]
    ) -> Page[CommitStatusDeliveryResponse]:
        page = deliveries_page(wanted)
        project = await self._project(projectref)
        found = await self._notification.commit_status_deliveries(
            project, page.after, page.status, page.ascending, page.limit
        )
        return Page([_commit_status(one) for one in found.items], page.cursor(found.cursor))

    async def redeliver_commit_status(self, projectref: str, commitstatusdeliveryid: str) -> None:
        project = await self._project(projectref)
        await self._notification.redeliver_commit_status(project, commitstatusdeliveryid)

    async def _project(self, ref: str) -> str:
        """The id of a project whose deliveries the caller may see and repeat."""
        project = await self._configstore.project(ref)
        current_caller().require(Action.MANAGE_DELIVERIES, thing(project))
        return project.id


def _run_webhook(delivery: RunWebhookDelivery) -> RunWebhookDeliveryResponse:
    return RunWebhookDeliveryResponse(
        id=delivery.id,
        sequence=delivery.sequence,
        delivery_status=delivery.status,
        delivered_at=go_time(delivery.delivered_at),
        status_code=delivery.status_code,
        run_webhook_id=delivery.webhook,
        run_id=delivery.run,
        attempts=delivery.attempts,
        reason=delivery.reason,
        next_attempt_time=go_time(delivery.next_attempt_at),
    )


def _commit_status(delivery: CommitStatusDelivery) -> CommitStatusDeliveryResponse:
    return CommitStatusDeliveryResponse(
        id=delivery.id,
        sequence=delivery.sequence,
        delivery_status=delivery.status,
        delivered_at=go_time(delivery.delivered_at),
    )
