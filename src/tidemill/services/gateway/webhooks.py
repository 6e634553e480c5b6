"""Webhooks of git hosts: nothing of one is looked at before it is known who sent it."""

from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.webhooks import WebhookQuery, WebhookRoutes
from tidemill.errors import BadRequest, Unauthorized
from tidemill.kit.contract import current_call

#: Where the kinds of git host put what proves that a webhook is theirs.
SIGNATURES = (
    "x-gitea-signature",
    "x-forgejo-signature",
    "x-gogs-signature",
    "x-hub-signature-256",
    "x-gitlab-token",
)


class Webhooks(WebhookRoutes):
    """Refuses them all: so far every project is on the built-in git host, which tells of pushes itself."""

    def __init__(self, configstore: Configstore) -> None:
        self._configstore = configstore

    async def receive_webhook(self, data: bytes, **given: Unpack[WebhookQuery]) -> None:  # noqa: ARG002 - not yet
        call = current_call()
        if not given.get("projectid"):
            raise BadRequest("the address of a webhook ends in ?projectid=<id>")
        if not any(call.header(name) for name in SIGNATURES):
            raise Unauthorized("a webhook needs a signature", code="signatureMissing")
        project = await self._configstore.project(given["projectid"])
        raise BadRequest(
            f"{project.path} is on the built-in git host, which needs no webhook", code="projectHasNoWebhook"
        )
