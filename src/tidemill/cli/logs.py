"""`tidemill log`: what the steps of a run printed."""

import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from tidemill.cli.client import Number, Owner, Server, ask
from tidemill.cli.deleting import delete_log
from tidemill.cli.log_parts import StepLog, Wanted, index, part, wanted
from tidemill.cli.output import Format, duration, show, time_of
from tidemill.cli.resuming import resumed
from tidemill.cli.tasks import Setup, StepNumber, TaskId, TaskName, named_task
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.logs import LogIndexResponse, LogQuery
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
    taskid: TaskId = "",
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
    output: Annotated[
        str,
        Parameter(name=["--output", "-o"], help="A file to write to; with --groups the form: table or json."),
    ] = "",
) -> None:
    """Print the log of a step (0 by default), byte for byte as it was printed, or a part of it.

    For example: tidemill log get user/alice/hello 7 --task build --step 1 -f
    (tidemill run log is the same)
    """
    if setup and step is not None:
        raise usage("give one of --step and --setup")
    if task and taskid:
        raise usage("give one of --task and --taskid")
    form = _form(output) if groups else "table"
    if not groups and output in ("table", "json"):
        raise usage(f"a log is text: --output is a file to write to, such as ./{output}")
    part_of_it = wanted(lines=lines, tail=tail, since=since, follow=follow, timestamps=timestamps)
    is_plain = (setup or step is not None) and attempt is None and part_of_it == Wanted(follow=follow)
    target = Path(output) if output and not groups else None

    async def copy(gateway: Gateway) -> None:
        if is_plain and not groups:
            whole = await _whole(gateway, project, number, name=task, taskid=taskid, step=step)
            await _write(resumed(partial(_opened, gateway, whole, follow)), target)
            return
        log = await _log(gateway, project, number, taskid or task, None if setup else step or 0, attempt)
        if groups:
            _show_groups(await index(gateway, log), form)
            return
        await _write(part(gateway, log, part_of_it), target)

    ask(server, copy, about=project)


async def _whole(
    gateway: Gateway, project: str, number: int, *, name: str, taskid: str, step: int | None
) -> StepLog:
    """The log of a step; the run is asked for only where the task has a name and no id."""
    named, latest = taskid, 0
    if not taskid:
        found = named_task(await gateway.project_run(project, str(number)), name)
        named, latest = found.id, _note_attempt(found.attempt, found.attempt)
    return StepLog(project=project, number=number, task=named, step=step, attempt=latest)


async def _log(
    gateway: Gateway, project: str, number: int, task: str, step: int | None, attempt: int | None
) -> StepLog:
    """The log that is meant; raises NotFound with what there is instead."""
    named = named_task(await gateway.project_run(project, str(number)), task)
    steps = len((await gateway.project_run_task(project, str(number), named.id)).steps)
    if step is not None and step >= steps:
        raise NotFound(f"task {named.name!r} has no step {step}; it has {steps}, counted from 0")
    if attempt is not None and attempt > named.attempt:
        raise NotFound(f"task {named.name!r} has no attempt {attempt}; its latest is {named.attempt}")
    found = _note_attempt(attempt or named.attempt, named.attempt)
    return StepLog(project=project, number=number, task=named.id, step=step, attempt=found)


def _note_attempt(attempt: int, latest: int) -> int:
    """Say which attempt is shown where there are several."""
    if latest > 1:
        print(f"attempt {attempt} of {latest}", file=sys.stderr, flush=True)
    return attempt


async def _opened(gateway: Gateway, log: StepLog, follow: bool, offset: int) -> AsyncIterator[bytes]:
    """A whole log, asked for as Agola's client does; what is there already is not sent again."""
    query: LogQuery = {"setup": ""} if log.step is None else {"step": str(log.step)}
    if follow:
        query["follow"] = ""
    if offset:
        query["offset"] = offset
    if log.attempt > 1 or (offset and log.attempt):
        query["attempt"] = log.attempt
    return await gateway.project_run_log(log.project, str(log.number), log.task, **query)


async def _write(log: AsyncIterator[bytes], target: Path | None) -> None:
    """Copy *log* to a file, or to stdout as it comes."""
    with target.open("wb") if target else nullcontext(sys.stdout.buffer) as out:
        async with closing(log) as blocks:
            async for block in blocks:
                out.write(block)
                out.flush()


def _form(output: str) -> Format:
    if output in ("", "table"):
        return "table"
    if output == "json":
        return "json"
    raise usage('--output with --groups is "table" or "json"')


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
