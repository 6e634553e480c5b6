"""Follow a run as it happens: its states, and the log of each task that runs."""

from collections.abc import AsyncIterator
from datetime import datetime

import anyio
import msgspec
from anyio.abc import TaskGroup

from tidemill.cli.live import RunState, TaskState, View
from tidemill.cli.output import inert
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.runs import RunResponse
from tidemill.errors import NotFound, Unavailable

RETRIES = 10


def state_of(run: RunResponse) -> RunState:
    """What a view shows of *run*."""
    tasks = tuple(
        TaskState(
            id=task.id,
            name=inert(task.name),
            status=task.status,
            needs=tuple(task.depends),
            level=task.level,
            started_at=_time(task.start_time),
            ended_at=_time(task.end_time),
            note=inert(task.reason or ""),
        )
        for task in run.tasks.values()
    )
    return RunState(
        number=run.number,
        name=inert(run.name),
        phase=run.phase,
        result=run.result,
        started_at=_time(run.start_time),
        ended_at=_time(run.end_time),
        tasks=tasks,
        errors=tuple(inert(error) for error in run.setup_errors or ()),
    )


async def watch(gateway: Gateway, project: str, number: int, view: View) -> RunState:
    """Feed *view* until the run is final; answers its last state.

    A connection that breaks is made again: the server may be restarted under a watcher.
    """
    followed: set[str] = set()
    state: RunState | None = None
    async with anyio.create_task_group() as group:
        async for state in _states(gateway, project, number):
            view.update(state)
            for task in state.tasks:
                if task.started_at and task.id not in followed:
                    followed.add(task.id)
                    group.start_soon(_follow_task, gateway, project, number, task, view)
            if state.is_final:
                _end_followers_soon(group)
    assert state is not None
    return state


def _end_followers_soon(group: TaskGroup) -> None:
    # The logs of a final run end by themselves; this bound is for a server that does not answer any more.
    group.cancel_scope.deadline = anyio.current_time() + 10


async def _states(gateway: Gateway, project: str, number: int) -> AsyncIterator[RunState]:
    failures, seen = 0, False
    while True:
        try:
            async for line in _lines(await gateway.follow_project_run(project, str(number))):
                failures = 0
                if line:
                    seen = True
                    yield (state := state_of(msgspec.json.decode(line, type=RunResponse)))
                    if state.is_final:
                        return
        except Unavailable:
            failures += 1
            if failures > RETRIES or not seen:
                raise
        await anyio.sleep(min(0.1 * 2**failures, 3))


async def _follow_task(gateway: Gateway, project: str, number: int, task: TaskState, view: View) -> None:
    try:
        steps = len((await gateway.project_run_task(project, str(number), task.id)).steps)
        for step in range(steps):
            blocks = await gateway.project_run_log(project, str(number), task.id, step=str(step), follow="")
            async for line in _lines(blocks):
                view.line(task, line.decode(errors="replace"))
    except NotFound:
        return  # the step was not reached
    except Unavailable:
        return  # the run's own stream reports a server that has gone; lines are a comfort


async def _lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
    if rest:
        yield rest


def _time(text: str | None) -> datetime | None:
    return msgspec.convert(text, datetime) if text else None
