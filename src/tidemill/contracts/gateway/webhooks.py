"""What git hosts tell of pushes: `POST /webhooks`, outside of the API's base path (reference, API 4.3)."""

from typing import TypedDict, Unpack

from tidemill.kit.contract import Contract, post


class WebhookQuery(TypedDict, total=False):
    """What stands in the address that a git host was given."""

    projectid: str
    agolaid: str
    """Makes addresses differ, and is not looked at."""


class WebhookRoutes(Contract):
    """Webhooks that come in; who sends them is known by a signature alone."""

    @post("/webhooks")
    async def receive_webhook(self, data: bytes, **given: Unpack[WebhookQuery]) -> None:
        """401 `signatureMissing`, 404 `projectDoesNotExist`, 400 `projectHasNoWebhook`."""
