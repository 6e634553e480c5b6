"""What webhooks were told of a project's runs, and forges of its commits (reference, API 1.7.4)."""

from typing import Unpack

import msgspec

from tidemill.contracts.gateway.lists import ListQuery
from tidemill.contracts.gateway.runs import Time
from tidemill.kit.contract import Contract, Page, get, put


class RunWebhookDeliveryResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A delivery to the webhook of the installation."""

    id: str
    sequence: int
    delivery_status: str
    """`notDelivered`, `delivered` or `deliveryError`."""
    delivered_at: Time | None
    """When it was answered, of a delivery that is over."""
    status_code: int
    """Of that answer; 0 is none."""
    run_webhook_id: str = ""
    """Extension: what is delivered, the `X-Agola-Delivery` of the request."""
    run_id: str = ""
    """Extension: the run that it is about."""
    attempts: int = 0
    """Extension: how often it was tried."""
    reason: str = ""
    """Extension: why the last attempt has failed, one sentence."""
    next_attempt_time: Time | None = None
    """Extension: when it is tried again; not of one that waits for an earlier one of its run."""


class CommitStatusDeliveryResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery of a commit's state to its forge."""

    id: str
    sequence: int
    delivery_status: str
    delivered_at: Time | None


class DeliveriesQuery(ListQuery, total=False):
    """Which deliveries to list."""

    deliverystatus: tuple[str, ...]
    """`notDelivered`, `delivered` or `deliveryError`; several are any of them."""


class DeliveryRoutes(Contract):
    """Deliveries of a project, for its owner."""

    @get("/projects/{projectref}/runwebhookdeliveries")
    async def run_webhook_deliveries(
        self, projectref: str, **wanted: Unpack[DeliveriesQuery]
    ) -> Page[RunWebhookDeliveryResponse]:
        """By sequence; 400 `invalidDeliveryStatus`, `invalidLimit`, `invalidSortDirection`."""

    @put("/projects/{projectref}/runwebhookdeliveries/{runwebhookdeliveryid}/redelivery")
    async def redeliver_run_webhook(self, projectref: str, runwebhookdeliveryid: str) -> None:
        """Deliver the same once more, as a new delivery.

        404 `runWebhookDeliveryDoesNotExist`; 400 `runWebhookDeliveryAlreadyInProgress`.
        """

    @get("/projects/{projectref}/commitstatusdeliveries")
    async def commit_status_deliveries(
        self, projectref: str, **wanted: Unpack[DeliveriesQuery]
    ) -> Page[CommitStatusDeliveryResponse]:
        """By sequence; no forge is told anything yet, so that there are none."""

    @put("/projects/{projectref}/commitstatusdeliveries/{commitstatusdeliveryid}/redelivery")
    async def redeliver_commit_status(self, projectref: str, commitstatusdeliveryid: str) -> None:
        """404 `commitStatusDeliveryDoesNotExist`; 400 `commitStatusDeliveryAlreadyInProgress`."""
