"""Follow a run as it happens: its states, and the log of each task that runs."""

from collections.abc import AsyncIterator

import anyio
import msgspec
from anyio.abc import TaskGroup

from tidemill.cli.live import RunState, TaskState, View
from tidemill.cli.output import inert, time_of
from tidemill.cli.resuming import PATIENCE, Persistence, step_log
from tidemill.cli.tasks import noted, shown_status
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.runs import RunResponse
from tidemill.errors import Failure, Internal, NotFound, Unavailable
from tidemill.kit.streams import closing


def state_of(run: RunResponse) -> RunState:
    """What a view shows of *run*."""
    tasks = tuple(
        TaskState(
            id=task.id,
            name=inert(task.name),
            status=shown_status(task),
            needs=tuple(task.depends),
            level=task.level,
            started_at=time_of(task.start_time),
            ended_at=time_of(task.end_time),
            note=inert(noted(task)),
            attempt=task.attempt,
        )
        for task in run.tasks.values()
    )
    return RunState(
        number=run.number,
        name=inert(run.name),
        phase=run.phase,
        result=run.result,
        started_at=time_of(run.start_time),
        ended_at=time_of(run.end_time),
        tasks=tasks,
        errors=tuple(inert(error) for error in run.setup_errors or ()),
        warnings=run.warnings,
    )


async def watch(gateway: Gateway, project: str, number: int, view: View) -> RunState:
    """Feed *view* until the run is final; answers its last state.

    A connection that breaks is made again, where it broke: the server may be restarted under a watcher.
    """
    return await _Watch(gateway, project, number, view).run()


class _Watch:
    def __init__(self, gateway: Gateway, project: str, number: int, view: View) -> None:
        self._gateway = gateway
        self._project = project
        self._number = number
        self._view = view
        self._followed: dict[str, list[anyio.Event]] = {}
        """By task, of each attempt: set once all of its lines are shown."""
        self._is_final = False
        self._scope = anyio.CancelScope()

    async def run(self) -> RunState:
        state: RunState | None = None
        async with anyio.create_task_group() as group:
            self._scope = group.cancel_scope
            async with closing(self._states()) as states:
                async for state in states:
                    self._take(state, group)
        assert state is not None
        self._view.update(state)  # its last state is shown behind the last of its lines
        return state

    def _take(self, state: RunState, group: TaskGroup) -> None:
        if not state.is_final:
            self._view.update(state)
        for task in state.tasks:
            followed = self._followed.setdefault(task.id, [])
            while len(followed) < (task.attempt if task.started_at else task.attempt - 1):
                before = followed[-1] if followed else None
                followed.append(anyio.Event())
                group.start_soon(self._follow, task, len(followed), before, followed[-1])
        if state.is_final:
            self._is_final = True
            self._moved()

    def _moved(self) -> None:
        """The logs of a final run end by themselves; this bound is for a server that says nothing more."""
        if self._is_final:
            self._scope.deadline = anyio.current_time() + PATIENCE

    async def _states(self) -> AsyncIterator[RunState]:
        persistence = Persistence()
        while True:
            try:
                blocks = await self._gateway.follow_project_run(self._project, str(self._number))
                persistence.opened()
                async with closing(_lines(blocks)) as lines:
                    async for line in lines:
                        persistence.heard()
                        if line:
                            yield (state := _state_in(line))
                            if state.is_final:
                                return
                persistence.broke(Unavailable("the stream of the run's states ended before the run"))
            except Unavailable as error:
                persistence.broke(error)
            self._view.away()
            await persistence.pause()

    async def _follow(
        self, task: TaskState, attempt: int, before: anyio.Event | None, shown: anyio.Event
    ) -> None:
        """Show an attempt after the one before it; a log that cannot be read does not end the watch."""
        if before is not None:
            await before.wait()
        await self._show(task, attempt)
        shown.set()

    async def _show(self, task: TaskState, attempt: int) -> None:
        """Show the lines of all steps."""
        whose = (self._gateway, self._project, self._number, task.id)
        try:
            for step in range(await self._steps(task)):
                log = step_log(*whose, step=step, follow=True, attempt=attempt)
                async with closing(_lines(log)) as lines:
                    async for line in lines:
                        self._moved()
                        self._view.line(task, line.decode(errors="replace"))
        except NotFound:
            return  # the step was not reached
        except Failure as error:
            self._view.line(task, f"(the rest of its log could not be read: {error.message})")

    async def _steps(self, task: TaskState) -> int:
        persistence = Persistence()
        persistence.heard()  # it has told of this task
        while True:
            try:
                found = await self._gateway.project_run_task(self._project, str(self._number), task.id)
                return len(found.steps)
            except Unavailable as error:
                persistence.broke(error)
                await persistence.pause()


def _state_in(line: bytes) -> RunState:
    try:
        return state_of(msgspec.json.decode(line, type=RunResponse))
    except msgspec.DecodeError as error:
        raise Internal(f"the server told of the run what is not expected: {error}") from error


async def _lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async with closing(blocks):
        async for block in blocks:
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield line.rstrip(b"\r")
    if rest:
        yield rest
