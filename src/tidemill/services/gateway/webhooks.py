"""Webhooks of git hosts: of none the body is looked at, and nobody learns of a project from the answer."""

from typing import Unpack

from tidemill.contracts.configstore import Configstore
from tidemill.contracts.gateway.webhooks import WebhookQuery, WebhookRoutes
from tidemill.core.names import is_id
from tidemill.errors import BadRequest, NotFound, Unauthorized
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
        project = given.get("projectid", "")
        if not project:
            raise BadRequest("the address of a webhook ends in ?projectid=<id>")
        if not any(call.header(name) for name in SIGNATURES):
            raise Unauthorized("a webhook needs a signature", code="signatureMissing")
        if not is_id(project):
            raise NotFound(f"no project has the id {project!r}", code="projectDoesNotExist")
        await self._configstore.project(project)
        raise BadRequest(
            "the project is on the built-in git host, which needs no webhook", code="projectHasNoWebhook"
        )
