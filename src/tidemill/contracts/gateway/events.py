"""What happens to runs, an extension: event streams for people, pages and scripts."""

from collections.abc import AsyncIterator

import msgspec

from tidemill.contracts.gateway.runs import RunsResponse, Time
from tidemill.kit.contract import Contract, get
from tidemill.kit.event_stream import EVENT_STREAM


class RunEventResponse(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="run"
):
    """A run was created, or has another phase or result: the run as it was then."""

    time: Time | None
    project_id: str = ""
    """Whose run it is: a project's, or a user's own."""
    user_id: str = ""
    run: RunsResponse
    reason: str = ""
    """Who or what stopped or cancelled it, one sentence."""


class EventTaskResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task as it was then."""

    id: str
    name: str
    status: str
    timedout: bool
    waiting_approval: bool
    approved: bool
    start_time: Time | None
    end_time: Time | None
    attempt: int = 1
    reason: str = ""


class TaskEventResponse(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="task"
):
    """A task has another status, is at another attempt, or waits for an approval or no longer."""

    time: Time | None
    project_id: str = ""
    user_id: str = ""
    run_number: int
    task: EventTaskResponse


EventResponse = RunEventResponse | TaskEventResponse


class EventRoutes(Contract):
    """What happens to runs, in the order in which it was committed."""

    @get("/events", waits=True, media=EVENT_STREAM, tells=EventResponse)
    async def events(self, after: str = "") -> AsyncIterator[bytes]:
        """Extension: events of all runs behind the one with the id *after*, for administrators.

        The data of each message is the JSON of an EventResponse. Without *after* or a Last-Event-ID
        header, from now on; `oldest` is from the oldest event that is kept. 410 `eventsPurged`,
        `epochChanged`; 400 `invalidEventId`.
        """

    @get("/projects/{projectref}/events", waits=True, media=EVENT_STREAM, tells=EventResponse)
    async def project_events(self, projectref: str, after: str = "") -> AsyncIterator[bytes]:
        """Extension: the same of the runs of a project, for who may list them."""

    @get("/users/{userref}/events", waits=True, media=EVENT_STREAM, tells=EventResponse)
    async def user_events(self, userref: str, after: str = "") -> AsyncIterator[bytes]:
        """Extension: the same of the direct runs of a user."""
