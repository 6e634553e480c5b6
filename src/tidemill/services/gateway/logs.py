"""Logs of runs, whoever they belong to, behind the permission to see the run."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Unpack, cast

import msgspec

from tidemill.contracts.gateway.logs import (
    LogGroupResponse,
    LogIndexResponse,
    LogPlaceResponse,
    LogQuery,
    LogStartQuery,
    ProjectLogRoutes,
    UserLogRoutes,
)
from tidemill.contracts.logs import LogIndex, LogRange, Logs, LogStart
from tidemill.contracts.runservice import Runservice
from tidemill.core.definition.scalars import NANOSECONDS, duration
from tidemill.core.permissions import Action
from tidemill.core.run import TaskId
from tidemill.errors import BadRequest, NotFound
from tidemill.kit.go_json import go_time
from tidemill.services.gateway.door import Door
from tidemill.services.gateway.paging import run_number
from tidemill.services.gateway.runs import GroupOf, log_step, task_of
from tidemill.services.gateway.watching import while_allowed

_NUMBERS = ("attempt", "offset", "line", "tail")


class StepLogs:
    """What can be asked of the logs of an owner's runs; absence has no code here, as the reference wants."""

    def __init__(
        self,
        runservice: Runservice,
        logs: Logs,
        door: Door,
        group_of: GroupOf,
        clock: Callable[[], datetime],
    ) -> None:
        self._runservice = runservice
        self._logs = logs
        self._door = door
        self._group_of = group_of
        self._clock = clock

    async def bytes_of(self, owner: str, number: str, task_id: str, wanted: LogQuery) -> AsyncIterator[bytes]:
        """The output of a step."""
        task, step = await self._named(owner, number, task_id, wanted)
        numbers = {name: value for name, value in wanted.items() if name in ("limit", "lines")}
        flags = {name: wanted.get(name) is not None for name in ("follow", "timestamps")}
        part = cast("LogRange", {**self._start(wanted), **numbers, **flags})
        try:
            chunks = await self._logs.read_log(task, step, **part)
        except NotFound as error:
            raise NotFound(error.message) from error

        async def ask() -> None:
            await self._door.look_again()
            await self._group_of(owner, Action.VIEW_RUN)

        return while_allowed(chunks, ask)

    async def index(self, owner: str, number: str, task_id: str, wanted: LogStartQuery) -> LogIndexResponse:
        """What is known of it."""
        task, step = await self._named(owner, number, task_id, wanted)
        try:
            return _shown(await self._logs.log_index(task, step, **self._start(wanted)))
        except NotFound as error:
            raise NotFound(error.message) from error

    async def _named(
        self, owner: str, number: str, task_id: str, wanted: LogStartQuery
    ) -> tuple[TaskId, int]:
        step = log_step(wanted.get("setup"), wanted.get("step"))
        group = await self._group_of(owner, Action.VIEW_RUN)
        detail = await self._runservice.numbered_run(run_number(number), group)
        return task_of(detail.run, task_id).id, step

    def _start(self, wanted: LogStartQuery) -> LogStart:
        start = cast("LogStart", {name: value for name, value in wanted.items() if name in _NUMBERS})
        if "since" in wanted:
            start["since"] = _moment(wanted["since"], self._clock())
        return start


def _moment(text: str, now: datetime) -> int:
    """Milliseconds of the epoch of a time, or of so long ago."""
    ago = duration(text)
    try:
        if ago is not None:
            moment = now - timedelta(microseconds=ago * 1_000_000 // NANOSECONDS)
        else:
            moment = msgspec.convert(text, datetime)
        at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(at.timestamp() * 1000))
    except (msgspec.ValidationError, OverflowError, ValueError) as error:
        raise BadRequest(
            f"since: {text!r} is no time such as 2026-11-24T12:00:00Z, and no span such as 5m"
        ) from error


def _shown(index: LogIndex) -> LogIndexResponse:
    return LogIndexResponse(
        attempt=index.attempt,
        latest_attempt=index.latest_attempt,
        final=index.is_final,
        length=index.length,
        lines=index.lines,
        start=index.start,
        groups=tuple(
            LogGroupResponse(
                name=group.name,
                line=group.line,
                last_line=group.last_line,
                start_time=go_time(group.started_at),
                end_time=go_time(group.ended_at),
            )
            for group in index.groups
        ),
        places=tuple(
            LogPlaceResponse(offset=place.offset, line=place.line, time=go_time(place.at))
            for place in index.places
        ),
    )


class ProjectLogs(ProjectLogRoutes):
    """Logs of the runs of projects."""

    def __init__(self, logs: StepLogs) -> None:
        self._logs = logs

    async def project_run_log(
        self, projectref: str, runnumber: str, taskid: str, **wanted: Unpack[LogQuery]
    ) -> AsyncIterator[bytes]:
        return await self._logs.bytes_of(projectref, runnumber, taskid, wanted)

    async def project_run_log_index(
        self, projectref: str, runnumber: str, taskid: str, **wanted: Unpack[LogStartQuery]
    ) -> LogIndexResponse:
        return await self._logs.index(projectref, runnumber, taskid, wanted)


class UserLogs(UserLogRoutes):
    """Logs of the direct runs of users."""

    def __init__(self, logs: StepLogs) -> None:
        self._logs = logs

    async def user_run_log(
        self, userref: str, runnumber: str, taskid: str, **wanted: Unpack[LogQuery]
    ) -> AsyncIterator[bytes]:
        return await self._logs.bytes_of(userref, runnumber, taskid, wanted)

    async def user_run_log_index(
        self, userref: str, runnumber: str, taskid: str, **wanted: Unpack[LogStartQuery]
    ) -> LogIndexResponse:
        return await self._logs.index(userref, runnumber, taskid, wanted)
