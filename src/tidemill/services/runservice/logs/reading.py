"""Reading a log from any offset, while it grows if wanted, across every form that it takes on its way."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
from msgspec.structs import replace

from tidemill.core.run import RunTask, StepPhase, TaskId
from tidemill.errors import Internal, NotFound
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Snapshot
from tidemill.kit.objects import Objects
from tidemill.services.runservice.changing import SETUP, log_bell
from tidemill.services.runservice.logs.blocks import BLOCK, decode_index, plain
from tidemill.services.runservice.store import logs, runs
from tidemill.services.runservice.store.logs import Head, LogId, Part

#: Bytes of a log that is put away that are asked for at once: at first, and at most.
_FIRST, _MOST = 2 * BLOCK, 64 * BLOCK


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A log at one moment, as far as a reader at some offset needs it."""

    head: Head
    parts: tuple[Part, ...]
    is_final: bool
    """No byte will be added."""


class Reading:
    """Reads logs."""

    def __init__(self, db: Database, objects: Objects, bells: Bells) -> None:
        self._db = db
        self._objects = objects
        self._bells = bells

    async def named(self, task: TaskId, step: int, attempt: int) -> tuple[LogId, int]:
        """A log of an attempt (0 is the latest), and which attempt is the latest."""
        found = await self._db.read(lambda tx: runs.task(tx, task))
        latest = 1 if found is None else found.attempt
        return LogId(task, step, attempt or latest), latest

    async def view(self, id: LogId) -> View:
        """The log as it is now, without any of its bytes; NotFound `logDoesNotExist`."""
        return await self._db.read(lambda tx: self.look(tx, id))

    async def until(self, id: LogId, offset: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from *offset* up to *end*, which the log has already.

        Asked for in growing pieces, since most readers of the middle of a log soon have enough.
        """
        wanted = _FIRST
        while offset < end:
            view, until = await self._view(id, offset), min(end, offset + wanted)
            async for block in self._blocks(id, offset, view, until):
                yield block[: end - offset]
                offset += len(block)
                if offset >= end:
                    return
            wanted = min(2 * wanted, _MOST)

    async def followed(self, id: LogId, offset: int) -> AsyncGenerator[bytes]:
        """The bytes from *offset* on, as they come, until there will be no more."""
        with self._bells.listen(log_bell(id.task, id.step)) as bell:
            while True:
                view = await self._view(id, offset)
                async for block in self._blocks(id, offset, view, view.head.length):
                    yield block
                    offset += len(block)
                if offset < view.head.length:
                    continue
                if view.is_final:
                    return
                await bell.wait()

    async def look(self, tx: Snapshot, id: LogId) -> View:
        """The log as it is in a snapshot, without any of its bytes; NotFound `logDoesNotExist`."""
        is_final = _is_final(await runs.task(tx, id.task), id)
        head = await logs.head(tx, id) or Head()
        if head.is_deleted:
            raise NotFound(f"the log of step {id.step} was deleted", code="logDoesNotExist")
        return View(head=head, parts=(), is_final=is_final)

    async def _view(self, id: LogId, offset: int) -> View:
        async def look(tx: Snapshot) -> View:
            view = await self.look(tx, id)
            reads_parts = view.head.object is None and offset < view.head.length
            return replace(view, parts=tuple(await logs.parts_from(tx, id, offset) if reads_parts else ()))

        return await self._db.read(look)

    async def _blocks(self, id: LogId, offset: int, view: View, end: int) -> AsyncIterator[bytes]:
        """What *view* holds from *offset* on: some of it at least, unless the log has taken another form.

        Little of it stands behind *end*.
        """
        at = offset
        cause: Exception | None = None
        try:
            async for block in (
                self._whole(at, view.head, end) if view.head.object else self._of_parts(at, view)
            ):
                yield block
                at += len(block)
        except (NotFound, EOFError, zlib.error) as error:
            cause = error
        if at == offset < view.head.length and await self._is_unchanged(id, offset, view):
            raise Internal(f"the log is damaged at byte {offset}", code="logDamaged") from cause

    async def _whole(self, offset: int, head: Head, end: int) -> AsyncIterator[bytes]:
        if offset < min(head.length, end) and head.object:
            index = decode_index(head.blocks)
            source = await self._objects.get(head.object, *index.stored(offset, end))
            async for block in plain(index, offset, end, source):
                yield block

    async def _of_parts(self, offset: int, view: View) -> AsyncIterator[bytes]:
        for part in view.parts:
            skip = offset - part.start
            if part.data is not None:
                yield part.data[skip:]
            elif part.object is not None:
                async for block in await self._objects.get(part.object, skip):
                    yield block
            offset = part.end

    async def _is_unchanged(self, id: LogId, offset: int, view: View) -> bool:
        now = await self._view(id, offset)
        return now.head.object == view.head.object and now.parts[:1] == view.parts[:1]


def _is_final(task: RunTask | None, id: LogId) -> bool:
    """Whether a log gets no more bytes; NotFound `logDoesNotExist` when it will never be."""
    if task is None or not SETUP <= id.step < len(task.steps):
        raise NotFound(f"task {id.task!r} has no step {id.step}", code="logDoesNotExist")
    if not 1 <= id.attempt <= task.attempt:
        raise NotFound(f"task {id.task!r} has no attempt {id.attempt}", code="logDoesNotExist")
    if id.attempt < task.attempt:
        return True
    step = task.setup if id.step == SETUP else task.steps[id.step]
    return task.status.is_final or step.phase not in (StepPhase.NOT_STARTED, StepPhase.RUNNING)
