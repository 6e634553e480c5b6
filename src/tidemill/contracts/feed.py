"""What may be asked of the runservice about what happens: the feed of events, for who acts upon them."""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from tidemill.core.run import Run, RunId, RunTask
from tidemill.kit.contract import Contract, get
from tidemill.kit.event_stream import EVENT_STREAM

#: Instead of an id: from the oldest event that is kept.
OLDEST = "oldest"


class RunChanged(Run, frozen=True, kw_only=True, tag_field="kind", tag="run"):
    """A run was created, or has another phase or result: all of it, as it was then."""

    at: datetime


class TaskChanged(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="task"):
    """A task of a run has another status, is at another attempt, or waits for an approval or no longer."""

    at: datetime
    run: RunId
    group: str
    number: int
    """Of the run."""
    task: RunTask


Happened = RunChanged | TaskChanged


class Feed(Contract):
    """What happens to runs, in the order in which it was committed."""

    @get("/events", waits=True, media=EVENT_STREAM)
    async def events(self, after: str = "", group: str = "") -> AsyncIterator[bytes]:
        """The events behind the one with the id *after*, each once, and those that follow, without end.

        An event stream: the data of each message is the JSON of `Happened`, its id where to go on.
        Without *after* (or the header Last-Event-ID, which goes before) from now on; `oldest` is from
        the oldest event that is kept. With *group* only those of runs in it or below it.

        410 `eventsPurged` when events behind that id are kept no more (details: the `oldest` id that
        is, and the id to ask `after` to get it); 410 `epochChanged` when the id is of a history that an
        import has replaced (details: the id of the `newest` event); 400 `invalidEventId`. A stream
        breaks when that happens meanwhile.
        """
