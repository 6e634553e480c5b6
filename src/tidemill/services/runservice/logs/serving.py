"""Logs as others may read them: from anywhere to anywhere, while they grow and afterwards."""

from collections.abc import AsyncIterator, Sequence
from typing import Unpack

from tidemill.contracts.logs import LogIndex, LogRange, Logs, LogStart
from tidemill.core.logs.marks import Mark, between
from tidemill.core.run import TaskId
from tidemill.kit.db import Database, Snapshot
from tidemill.services.runservice.logs.blocks import decode_index
from tidemill.services.runservice.logs.finding import Finding, Start, check
from tidemill.services.runservice.logs.indexing import Indexing
from tidemill.services.runservice.logs.layout import Stretch, layout, times
from tidemill.services.runservice.logs.reading import Reading, View
from tidemill.services.runservice.logs.shaping import cut, plain, stamped
from tidemill.services.runservice.store import logs
from tidemill.services.runservice.store.logs import Head, LogId


class StepLogs(Logs):
    """The logs of steps."""

    def __init__(self, db: Database, reading: Reading) -> None:
        self._db = db
        self._reading = reading
        self._indexing = Indexing(reading)

    async def read_log(self, task: TaskId, step: int, **wanted: Unpack[LogRange]) -> AsyncIterator[bytes]:
        check(wanted)
        named, _ = await self._reading.named(task, step, wanted.get("attempt", 0))
        start = await self._start(named, wanted)
        view = await self._reading.view(named)  # later, or it could end before the start
        if wanted.get("follow", False):
            blocks = self._reading.followed(named, start.offset)
        else:
            blocks = self._reading.until(named, start.offset, view.head.length)
        pieces = cut(blocks, start, wanted)
        return (
            stamped(pieces, _Times(self._db, named).between)
            if wanted.get("timestamps", False)
            else plain(pieces)
        )

    async def log_index(self, task: TaskId, step: int, **wanted: Unpack[LogStart]) -> LogIndex:
        check(wanted)
        named, latest = await self._reading.named(task, step, wanted.get("attempt", 0))
        view, stretches = await self._snapshot(named)
        head = view.head
        found = await self._indexing.contents(named, head, stretches, is_final=view.is_final)
        start = await Finding(self._reading, named, stretches).start(wanted)
        return LogIndex(
            attempt=named.attempt,
            latest_attempt=latest,
            is_final=view.is_final,
            length=head.length,
            lines=found.lines,
            start=start.offset,
            groups=found.groups,
            places=found.places,
        )

    async def _start(self, id: LogId, wanted: LogStart) -> Start:
        if not {"line", "tail", "since"} & wanted.keys():
            return Start(wanted.get("offset", 0))
        _, stretches = await self._snapshot(id)
        return await Finding(self._reading, id, stretches).start(wanted)

    async def _snapshot(self, id: LogId) -> tuple[View, Sequence[Stretch]]:
        async def look(tx: Snapshot) -> tuple[View, Sequence[Stretch]]:
            view = await self._reading.look(tx, id)
            return view, await layout(tx, id, view.head)

        return await self._db.read(look)


class _Times:
    """When the bytes of a log were printed, asked for as they are read."""

    def __init__(self, db: Database, id: LogId) -> None:
        self._db = db
        self._id = id
        self._whole: tuple[Mark, ...] | None = None
        """Those of a log that is put away."""

    async def between(self, start: int, end: int) -> Sequence[Mark]:
        """The marks of the bytes from *start* to *end*, counted from *start*."""
        if self._whole is not None:
            return between(self._whole, start, end)

        async def look(tx: Snapshot) -> Sequence[Mark]:
            head = await logs.head(tx, self._id) or Head()
            if head.object is not None:
                self._whole = decode_index(head.blocks).marks
                return self._whole
            return times(await layout(tx, self._id, head, start, end))

        return between(await self._db.read(look), start, end)
