"""Adding to a log: at an offset, so that a repetition adds nothing and a gap is refused.

Small appends are rows, and become one object once there is about 1 MiB of them; large ones are objects
from the start. What is acknowledged is committed, and what it refers to was durable before.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from msgspec.structs import replace

from tidemill.core.job import JobId, attempt_of
from tidemill.core.logs.lines import NEWLINE
from tidemill.core.logs.marks import Mark, between, encode, read
from tidemill.core.run import TaskId
from tidemill.errors import BadRequest, Conflict, Failure
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice.changing import SETUP, log_bell
from tidemill.services.runservice.store import jobs, logs
from tidemill.services.runservice.store.logs import Head, LogId, Part

#: Bytes from which on an append is an object of its own.
DIRECT = 256 * 1024
#: Bytes in rows from which on they are made an object.
FOLD = 1024 * 1024
#: Bytes that are made an object at once at most, where many have gathered while there was no object store.
MOST_FOLDED = 4 * FOLD

log = structlog.get_logger()


class Appending:
    """Stores what executors tell of their steps."""

    def __init__(
        self,
        db: Database,
        objects: Objects,
        bells: Bells,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._objects = objects
        self._bells = bells
        self._clock = clock
        self._new_id = new_id

    async def append(
        self, job: JobId, generation: int, step: int, offset: int, data: bytes, seen: str = ""
    ) -> int:
        """Store *data* from *offset* on; answers the log's length. Conflict `fenced`, `logGap`."""
        if step < SETUP or offset < 0:
            raise BadRequest(f"there is no offset {offset} of step {step}")
        log_id = _log_of(job, generation, step)
        marks = self._marks(seen, len(data))
        while data:
            length = await self._attempt(job, generation, log_id, _part(offset, data, marks))
            if length < offset:
                raise Conflict(
                    f"the log ends at {length}, before {offset}", code="logGap", details={"length": length}
                )
            if length >= offset + len(data):
                return length
            # Some of it was there before: only the rest is new.
            marks = between(marks, length - offset, len(data))
            data, offset = data[length - offset :], length
        return await self.end(job, generation, step)

    async def end(self, job: JobId, generation: int, step: int) -> int:
        """How much of a log is stored; Conflict `fenced`."""

        async def look(tx: Transaction) -> int:
            await jobs.hold(tx, job, generation)
            found = await logs.head(tx, _log_of(job, generation, step))
            return found.length if found else 0

        return await self._db.do(look)

    def _marks(self, seen: str, length: int) -> tuple[Mark, ...]:
        """When it was printed: as the executor says, else now."""
        try:
            return read(seen, length) or (Mark(0, int(self._clock().timestamp() * 1000)),)
        except ValueError as error:
            raise BadRequest(f"seen: {error}") from error

    async def _attempt(self, job: JobId, generation: int, id: LogId, part: Part) -> int:
        """Add a part if the log ends where it begins; the length afterwards."""
        if part.length >= DIRECT:
            part = await self._in_object(id, part)

        async def add(tx: Transaction) -> tuple[bool, Head]:
            await jobs.hold(tx, job, generation)
            is_added, head = await logs.grow(tx, id, part)
            if is_added:
                tx.after_commit(self._bells.ring, log_bell(id.task, id.step))
            return is_added, head

        try:
            is_added, head = await self._db.do(add)
        except Conflict:
            await self._drop(part)
            raise
        if not is_added:
            await self._drop(part)
        if head.in_rows >= FOLD:
            await self._fold(id)
        return head.length

    async def _in_object(self, id: LogId, part: Part) -> Part:
        """The part with its bytes in an object."""
        name = object_name(id, f"{part.start}-{self._new_id()}")
        await self._objects.put(name, part.data or b"")
        return replace(part, object=name, data=None)

    async def _fold(self, id: LogId) -> None:
        """Make one object of the rows at a log's end. The append has succeeded whether this does or not."""

        async def read(tx: Snapshot) -> list[Part]:
            head = await logs.head(tx, id) or Head()
            start = head.length - head.in_rows
            return await logs.rows_from(tx, id, start, start + MOST_FOLDED)

        try:
            rows = await self._db.read(read)
            if not rows:
                return
            folded = await self._in_object(id, logs.joined(rows))
            if not await self._db.do(lambda tx: logs.fold(tx, id, folded, len(rows))):
                await self._drop(folded)
        except Failure as failure:
            log.warning("a log stays in rows for now", task=id.task, step=id.step, error=failure.message)

    async def _drop(self, part: Part) -> None:
        """Remove an object that nothing refers to; if that fails, putting the log away does it."""
        if part.object is None:
            return
        try:
            await self._objects.delete(part.object)
        except Failure as failure:
            log.warning("an unused object is left", object=part.object, error=failure.message)


def object_name(id: LogId, name: str) -> str:
    """The name of an object of a log."""
    attempt = "" if id.attempt == 1 else f"attempt-{id.attempt}/"
    return f"{objects_folder(id.task)}/{attempt}{'setup' if id.step == SETUP else id.step}/{name}"


def objects_folder(task: TaskId) -> str:
    """Where the objects of all logs of a task are."""
    return f"logs/{task}"


def _part(start: int, data: bytes, marks: tuple[Mark, ...]) -> Part:
    return Part(start=start, length=len(data), lines=data.count(NEWLINE), marks=encode(marks), data=data)


def _log_of(job: JobId, generation: int, step: int) -> LogId:
    return LogId(TaskId(job), step, attempt_of(generation))
