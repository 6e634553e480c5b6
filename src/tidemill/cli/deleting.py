"""`tidemill run delete` and `tidemill log delete`: what is not wanted any more."""

from typing import Annotated

from cyclopts import Parameter, validators

from tidemill.cli.client import Number, Server, ask
from tidemill.cli.tasks import named_task
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway


def delete_run(project: str, number: Number, *more: Number, server: Server = None) -> None:
    """Delete runs that are over, with their logs, workspaces, artifacts and reports.

    What a restarted run has kept of one stays with that. The numbers are not given again.
    """

    async def remove(gateway: Gateway) -> None:
        for one in (number, *more):
            await gateway.delete_project_run(project, str(one))

    ask(server, remove, about=project)


def delete_log(
    project: str,
    number: Number,
    *,
    task: Annotated[str, Parameter(help="The task's name; may be left out when there is only one.")] = "",
    step: Annotated[
        int | None, Parameter(help="The step's number, from 0.", validator=validators.Number(gte=0))
    ] = None,
    setup: Annotated[bool, Parameter(help="The log of the task's setup.", negative="")] = False,
    server: Server = None,
) -> None:
    """Delete the log of a step of a task that is over, of all its attempts."""
    if setup == (step is not None):
        raise usage("give exactly one of --step and --setup")

    async def remove(gateway: Gateway) -> None:
        wanted = named_task(await gateway.project_run(project, str(number)), task)
        if setup:
            await gateway.delete_project_run_log(project, str(number), wanted.id, setup="")
        else:
            await gateway.delete_project_run_log(project, str(number), wanted.id, step=str(step))

    ask(server, remove, about=project)
