"""`tidemill delivery`: what webhooks were told of a project's runs."""

from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from tidemill.cli.client import Output, Project, Server, ask
from tidemill.cli.output import show, show_done
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.deliveries import (
    CommitStatusDeliveryResponse,
    DeliveriesQuery,
    RunWebhookDeliveryResponse,
)

app = App(name="delivery", help="Deliveries of a project's webhooks, for its owner.")
Delivery = RunWebhookDeliveryResponse | CommitStatusDeliveryResponse
COLUMNS = {
    "ID": "id",
    "STATUS": "delivery_status",
    "DELIVERED": "delivered_at",
    "ANSWER": "status_code",
    "ATTEMPTS": "attempts",
    "REASON": "reason",
}
STATUS_COLUMNS = {"ID": "id", "STATUS": "delivery_status", "DELIVERED": "delivered_at"}
OfCommits = Annotated[bool, Parameter(help="Not webhooks but states of commits at forges.", negative="")]
Status = Literal["notDelivered", "delivered", "deliveryError"]


@app.command(name="list")
def list_deliveries(
    project: Project,
    *,
    status: Annotated[tuple[Status, ...], Parameter(help="Only these; may be repeated.", negative="")] = (),
    commit_status: OfCommits = False,
    limit: Annotated[int, Parameter(help="How many, newest first.", validator=validators.Number(gte=1))] = 25,
    server: Server = None,
    output: Output = "table",
) -> None:
    """List what was delivered, newest first.

    For example: tidemill delivery list user/alice/hello --status deliveryError
    """
    first: DeliveriesQuery = {"limit": str(limit), "sortdirection": "desc"}
    if status:
        first["deliverystatus"] = status

    async def deliveries(gateway: Gateway) -> list[Delivery]:
        lists = gateway.commit_status_deliveries if commit_status else gateway.run_webhook_deliveries
        page = await lists(project, **first)
        found = list[Delivery](page.items)
        while page.cursor and len(found) < limit:
            page = await lists(project, cursor=page.cursor, limit=str(limit - len(found)))
            found += page.items
        return found

    found = ask(server, deliveries, about=project)
    show(found, output, columns=STATUS_COLUMNS if commit_status else COLUMNS)


@app.command
def redeliver(
    project: Project,
    delivery: Annotated[str, Parameter(help="The delivery's id.")],
    *,
    commit_status: OfCommits = False,
    server: Server = None,
) -> None:
    """Deliver the same once more, as a new delivery.

    For example: tidemill delivery redeliver user/alice/hello 5f0c7a2e
    """

    async def call(gateway: Gateway) -> None:
        if commit_status:
            await gateway.redeliver_commit_status(project, delivery)
        else:
            await gateway.redeliver_run_webhook(project, delivery)

    ask(server, call, about=project)
    show_done(f"{delivery} is delivered again", None, None)
