"""`tidemill log`: what the steps of a run printed."""

import sys
from typing import Annotated

from cyclopts import App, Parameter, validators

from tidemill.cli.client import Number, Server, ask
from tidemill.cli.deleting import delete_log
from tidemill.cli.resuming import closing, step_log
from tidemill.cli.tasks import named_task
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.errors import NotFound

app = App(name="log", help="Logs of a run's steps.")
app.command(delete_log, name="delete")


@app.command
def get(
    project: str,
    number: Number,
    *,
    task: Annotated[str, Parameter(help="The task's name; may be left out when there is only one.")] = "",
    step: Annotated[
        int | None, Parameter(help="The step's number, from 0.", validator=validators.Number(gte=0))
    ] = None,
    setup: Annotated[bool, Parameter(help="The log of the task's setup.", negative="")] = False,
    attempt: Annotated[
        int | None,
        Parameter(
            help="Of which attempt, from 1; of the latest by default.", validator=validators.Number(gte=1)
        ),
    ] = None,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], help="Go on until it ends.", negative="")
    ] = False,
    server: Server = None,
) -> None:
    """Print the log of a step (0 by default), byte for byte as it was printed."""
    if setup and step is not None:
        raise usage("give one of --step and --setup")

    async def copy(gateway: Gateway) -> None:
        run = await gateway.project_run(project, str(number))
        wanted = named_task(run, task)
        steps = len((await gateway.project_run_task(project, str(number), wanted.id)).steps)
        if step is not None and step >= steps:
            raise NotFound(f"task {wanted.name!r} has no step {step}; it has {steps}, counted from 0")
        step_or_setup = None if setup else step or 0
        if attempt is not None and attempt > wanted.attempt:
            raise NotFound(f"task {wanted.name!r} has no attempt {attempt}; its latest is {wanted.attempt}")
        log = step_log(
            gateway,
            project,
            number,
            wanted.id,
            step=step_or_setup,
            follow=follow,
            attempt=attempt or wanted.attempt,
        )
        async with closing(log) as blocks:
            async for block in blocks:
                sys.stdout.buffer.write(block)
                sys.stdout.buffer.flush()

    ask(server, copy, about=project)
