"""What may be asked of the notification service: what was delivered to whom, and to deliver it again."""

from datetime import datetime
from enum import StrEnum

import msgspec

from tidemill.kit.contract import Contract, Page, PageLimit, get, post


class DeliveryStatus(StrEnum):
    """How far a delivery is, as the reference calls it."""

    NOT_DELIVERED = "notDelivered"
    """It is to be tried, for the first time or again."""
    DELIVERED = "delivered"
    ERROR = "deliveryError"
    """It was given up after as many attempts as the settings allow."""


class RunWebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of telling a webhook of one change of a run."""

    id: str
    sequence: int
    """Grows with every delivery; lists are in this order."""
    webhook: str
    """The id of what is told; deliveries of the same content share it."""
    run: str
    status: DeliveryStatus
    delivered_at: datetime | None
    """When the last answer came, of a delivery that is over."""
    status_code: int
    """Of that answer; 0 is none."""
    attempts: int
    reason: str
    """Why the last attempt has failed, for people."""
    next_attempt_at: datetime | None
    """When it is tried again; None too while it waits for an earlier one of its run."""


class CommitStatusDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of telling a forge of the state of a commit."""

    id: str
    sequence: int
    status: DeliveryStatus
    delivered_at: datetime | None


class Notification(Contract):
    """Deliveries. A project is an opaque id here."""

    @get("/projects/{project}/run-webhook-deliveries")
    async def run_webhook_deliveries(
        self,
        project: str,
        after: int | None = None,
        status: tuple[DeliveryStatus, ...] = (),
        ascending: bool = True,
        limit: PageLimit = 30,
    ) -> Page[RunWebhookDelivery]:
        """Those behind the sequence *after*, of one of *status* or of any; a cursor says that more follow."""

    @post("/projects/{project}/run-webhook-deliveries/{id}/redelivery")
    async def redeliver_run_webhook(self, project: str, id: str) -> None:
        """Deliver the same content once more, as a new delivery.

        404 `runWebhookDeliveryDoesNotExist`; 400 `runWebhookDeliveryAlreadyInProgress` while another
        delivery of that content is not over.
        """

    @get("/projects/{project}/commit-status-deliveries")
    async def commit_status_deliveries(
        self,
        project: str,
        after: int | None = None,
        status: tuple[DeliveryStatus, ...] = (),
        ascending: bool = True,
        limit: PageLimit = 30,
    ) -> Page[CommitStatusDelivery]:
        """As for run webhooks."""

    @post("/projects/{project}/commit-status-deliveries/{id}/redelivery")
    async def redeliver_commit_status(self, project: str, id: str) -> None:
        """404 `commitStatusDeliveryDoesNotExist`; 400 `commitStatusDeliveryAlreadyInProgress`."""
