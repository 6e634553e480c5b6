"""Logs of steps, as the public API shows them: Agola's bytes, and an extension that knows what is where."""

from collections.abc import AsyncIterator
from typing import TypedDict, Unpack

import msgspec

from tidemill.contracts.gateway.runs import Time
from tidemill.kit.contract import Contract, SmallNumber, get

#: The content type of a log.
LOG = "text/plain;charset=UTF-8"


class LogStartQuery(TypedDict, total=False):
    """Which log of a task: exactly one of *setup* and *step*; and from where, an extension."""

    setup: str | None
    """A flag by presence."""
    step: str | None
    """The number of the step, from 0."""
    attempt: SmallNumber
    """Extension: of which attempt, from 1; of the latest when it is not given."""
    offset: int
    """Extension: from this byte on, for who has those before it. One at most of this and the next three."""
    line: int
    """Extension: from this line on, from 1."""
    tail: int
    """Extension: so many lines that are the last ones now, and what follows them."""
    since: str
    """Extension: the lines that were printed then (RFC 3339) or later, or so long ago at most (`5m`)."""


class LogQuery(LogStartQuery, total=False):
    """How much of it, and how."""

    follow: str | None
    """A flag by presence: the log as it grows, until it ends."""
    limit: int
    """Extension: so many bytes at most. One at most of this and *lines*."""
    lines: int
    """Extension: so many lines at most."""
    timestamps: str | None
    """Extension, a flag by presence: each line begins with its time and a blank, 25 bytes in all."""


class LogGroupResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that belong together, as the output of the step says."""

    name: str
    line: int
    """The first of them, from 1."""
    last_line: int | None
    """Null while it goes on."""
    start_time: Time | None
    end_time: Time | None


class LogPlaceResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A place from which reading is cheap."""

    offset: int
    line: int | None
    """The line that this byte belongs to, where that is known."""
    time: Time | None
    """When it was printed, where that is known."""


class LogIndexResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a log without reading it."""

    attempt: int
    latest_attempt: int
    final: bool
    """Nothing will be added."""
    length: int
    """In bytes."""
    lines: int
    start: int
    """The byte with which what was asked for begins."""
    groups: tuple[LogGroupResponse, ...]
    places: tuple[LogPlaceResponse, ...]


class ProjectLogRoutes(Contract):
    """Logs of the runs of a project."""

    @get("/projects/{projectref}/runs/{runnumber}/tasks/{taskid}/logs", waits=True, media=LOG)
    async def project_run_log(
        self, projectref: str, runnumber: str, taskid: str, **wanted: Unpack[LogQuery]
    ) -> AsyncIterator[bytes]:
        """The output of a step, or of the setup."""

    @get("/projects/{projectref}/runs/{runnumber}/tasks/{taskid}/logs/index")
    async def project_run_log_index(
        self, projectref: str, runnumber: str, taskid: str, **wanted: Unpack[LogStartQuery]
    ) -> LogIndexResponse:
        """Extension: how long it is, the groups in it, and which lines and times are where."""


class UserLogRoutes(Contract):
    """Logs of the direct runs of a user."""

    @get("/users/{userref}/runs/{runnumber}/tasks/{taskid}/logs", waits=True, media=LOG)
    async def user_run_log(
        self, userref: str, runnumber: str, taskid: str, **wanted: Unpack[LogQuery]
    ) -> AsyncIterator[bytes]:
        """As for projects."""

    @get("/users/{userref}/runs/{runnumber}/tasks/{taskid}/logs/index")
    async def user_run_log_index(
        self, userref: str, runnumber: str, taskid: str, **wanted: Unpack[LogStartQuery]
    ) -> LogIndexResponse:
        """Extension: as for projects."""
