"""`tidemill log`: what the steps of a run printed."""

import sys
from typing import Annotated

from cyclopts import App, Parameter, validators

from tidemill.cli.client import Number, Output, Owner, Server, ask
from tidemill.cli.deleting import delete_log
from tidemill.cli.log_parts import StepLog, index, part, wanted
from tidemill.cli.output import Format, duration, show, time_of
from tidemill.cli.tasks import Setup, StepNumber, TaskName, named_task
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.logs import LogIndexResponse
from tidemill.errors import NotFound
from tidemill.kit.streams import closing

app = App(name="log", help="Logs of a run's steps.")
app.command(delete_log, name="delete")


@app.command
def get(
    project: Owner,
    number: Number,
    *,
    task: TaskName = "",
    step: StepNumber = None,
    setup: Setup = False,
    attempt: Annotated[
        int | None,
        Parameter(
            help="Of which attempt, from 1; of the latest by default.", validator=validators.Number(gte=1)
        ),
    ] = None,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], help="Go on until it ends.", negative="")
    ] = False,
    lines: Annotated[str, Parameter(help="Only these lines: 100, 100-200 or 100-.")] = "",
    tail: Annotated[
        int | None, Parameter(help="Only so many last lines.", validator=validators.Number(gte=0))
    ] = None,
    since: Annotated[str, Parameter(help="Only lines printed since then: 5m, or 2026-11-24T12:00:00Z.")] = "",
    timestamps: Annotated[bool, Parameter(help="When each line was printed.", negative="")] = False,
    groups: Annotated[bool, Parameter(help="Not the log but the groups that it marks.", negative="")] = False,
    server: Server = None,
    output: Output = "table",
) -> None:
    """Print the log of a step (0 by default), byte for byte as it was printed, or a part of it.

    For example: tidemill run log user/alice/hello 7 --task build --step 1 --tail 50 -f
    """
    if setup and step is not None:
        raise usage("give one of --step and --setup")
    part_of_it = wanted(lines=lines, tail=tail, since=since, follow=follow, timestamps=timestamps)

    async def copy(gateway: Gateway) -> None:
        run = await gateway.project_run(project, str(number))
        named = named_task(run, task)
        steps = len((await gateway.project_run_task(project, str(number), named.id)).steps)
        if step is not None and step >= steps:
            raise NotFound(f"task {named.name!r} has no step {step}; it has {steps}, counted from 0")
        if attempt is not None and attempt > named.attempt:
            raise NotFound(f"task {named.name!r} has no attempt {attempt}; its latest is {named.attempt}")
        log = StepLog(
            project=project,
            number=number,
            task=named.id,
            step=None if setup else step or 0,
            attempt=attempt or named.attempt,
        )
        if named.attempt > 1:
            print(f"attempt {log.attempt} of {named.attempt}", file=sys.stderr, flush=True)
        if groups:
            _show_groups(await index(gateway, log), output)
            return
        async with closing(part(gateway, log, part_of_it)) as blocks:
            async for block in blocks:
                sys.stdout.buffer.write(block)
                sys.stdout.buffer.flush()

    ask(server, copy, about=project)


def _show_groups(found: LogIndexResponse, output: Format) -> None:
    if output == "json":
        show(found, output)
        return
    rows = [
        {
            "name": group.name,
            "lines": f"{group.line}-{group.last_line or ''}",
            "took": duration(time_of(group.start_time), time_of(group.end_time)) if group.end_time else "",
        }
        for group in found.groups
    ]
    show(rows, "table", columns={"GROUP": "name", "LINES": "lines", "TOOK": "took"})
