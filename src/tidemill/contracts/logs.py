"""What may be asked of the runservice about logs: their bytes, or some of them, and what is where."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TypedDict, Unpack

import msgspec

from tidemill.core.run import TaskId
from tidemill.kit.contract import Contract, SmallNumber, get


class LogStart(TypedDict, total=False):
    """Of which attempt, and where to begin: at most one of *offset*, *line*, *tail* and *since*."""

    attempt: SmallNumber
    """From 1; 0 is the latest."""
    offset: int
    """With this byte, from 0."""
    line: int
    """With this line, from 1."""
    tail: int
    """With so many lines that are the last ones now."""
    since: int
    """With the first line that was printed then or later, in milliseconds of the epoch."""


class LogRange(LogStart, total=False):
    """How much, at most one of *limit* and *lines*, and how."""

    limit: int
    """So many bytes."""
    lines: int
    """So many lines."""
    follow: bool
    """Go on until the step has ended, or there is as much as is wanted."""
    timestamps: bool
    """Begin each line with its time, `2026-11-24T12:00:00.123Z `, or so many blanks where none is known."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that belong together, as the step's output says (core/logs/groups)."""

    name: str
    line: int
    """The first of them, from 1."""
    last_line: int | None
    """None while it goes on."""
    started_at: datetime | None
    """When its first line was printed."""
    ended_at: datetime | None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place from which reading is cheap."""

    offset: int
    line: int | None
    """The line that this byte belongs to; None where lines before it were never counted."""
    at: datetime | None
    """When it was printed."""


class LogIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a log without reading it."""

    attempt: int
    latest_attempt: int
    is_final: bool
    """No byte will be added."""
    length: int
    lines: int
    """With one that has no end yet."""
    start: int
    """Where what was asked for begins."""
    groups: tuple[Group, ...]
    places: tuple[Place, ...]


class Logs(Contract):
    """Logs of steps; step -1 is the setup."""

    @get("/tasks/{task}/logs/{step}", waits=True)
    async def read_log(
        self, task: TaskId, step: SmallNumber, **wanted: Unpack[LogRange]
    ) -> AsyncIterator[bytes]:
        """The bytes of a log, to its end now or at last; exactly as they were printed, unless stamped.

        404 `logDoesNotExist` for an unknown task, step or attempt, before the first byte. A cut stream ends
        with an error, never like a whole one.
        """

    @get("/tasks/{task}/logs/{step}/index")
    async def log_index(self, task: TaskId, step: SmallNumber, **wanted: Unpack[LogStart]) -> LogIndex:
        """How long a log is, its groups, and places in it; 404 `logDoesNotExist`."""
