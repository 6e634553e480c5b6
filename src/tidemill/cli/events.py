"""`tidemill events`: what happens to runs, as it happens."""

import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Annotated

import msgspec
from cyclopts import Parameter, validators

from tidemill.cli.client import Server, ask
from tidemill.cli.live import with_warnings
from tidemill.cli.output import Format, inert, time_of
from tidemill.cli.resuming import resumed_events
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.events import EventResponse, RunEventResponse, TaskEventResponse
from tidemill.errors import Internal
from tidemill.kit.event_stream import Message

_decode = msgspec.json.Decoder(EventResponse).decode


def events(
    project: Annotated[str, Parameter(help="Of this project; of all, for administrators, without it.")] = "",
    *,
    user: Annotated[str, Parameter(help="Of the direct runs of this user instead.")] = "",
    after: Annotated[
        str, Parameter(help="Begin behind the event with this id; `oldest`: with the oldest that is kept.")
    ] = "",
    count: Annotated[
        int | None, Parameter(help="End after so many events.", validator=validators.Number(gte=1))
    ] = None,
    server: Server = None,
    output: Annotated[
        Format | None,
        Parameter(name=["--output", "-o"], help="table for people, json for programs: a line each."),
    ] = None,
) -> None:
    """Follow what happens to runs and their tasks, each event once, until interrupted.

    For example: tidemill events user/alice/hello --after oldest -o json
    """
    if project and user:
        raise usage("give a project or --user, not both")
    is_json = output == "json" or (output is None and not sys.stdout.isatty())

    async def follow(gateway: Gateway) -> None:
        def open_behind(after: str) -> Awaitable[AsyncIterator[bytes]]:
            if project:
                return gateway.project_events(project, after)
            return gateway.user_events(user, after) if user else gateway.events(after)

        shown = 0
        async with aclosing(resumed_events(open_behind, after)) as told:
            async for message in told:
                print(_as_json(message) if is_json else _as_line(message, everybodys=not (project or user)))
                sys.stdout.flush()
                shown += 1
                if shown == count:
                    return

    ask(server, follow, about=project)


def _as_json(message: Message) -> str:
    """The event on one line, with its id for `--after`."""
    return f'{{"id":{msgspec.json.encode(message.id).decode()},{message.data.removeprefix("{")}'


def _as_line(message: Message, *, everybodys: bool) -> str:
    try:
        event = _decode(message.data)
    except msgspec.DecodeError as error:
        raise Internal(f"the server told what is not expected: {error}") from error
    at = time_of(event.time)
    when = f"{at.astimezone():%H:%M:%S}" if at else ""
    whose = f"{event.project_id or event.user_id} " if everybodys else ""
    text = _run(event) if isinstance(event, RunEventResponse) else _task(event)
    return inert(f"{when}  {whose}{text}")


def _run(event: RunEventResponse) -> str:
    run = event.run
    result = "" if run.result == "unknown" else f" {with_warnings(run.result, run.warnings)}"
    return f"#{run.number} {run.name}: {run.phase}{result}{_why(event.reason)}"


def _task(event: TaskEventResponse) -> str:
    task = event.task
    status = "waits for approval" if task.waiting_approval else task.status
    if task.approved and status == "notstarted":
        status = "approved"
    attempt = f" (attempt {task.attempt})" if task.attempt > 1 else ""
    return f"#{event.run_number} {task.name}: {status}{attempt}{_why(task.reason)}"


def _why(reason: str) -> str:
    return f", {reason}" if reason else ""
