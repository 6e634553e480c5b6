"""Reading a log from any offset, while it grows if wanted, across every form that it takes on its way."""

import zlib
from collections.abc import AsyncIterator

import msgspec

from tidemill.core.run import RunTask, StepPhase, TaskId
from tidemill.errors import BadRequest, Internal, NotFound
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Snapshot
from tidemill.kit.objects import Objects
from tidemill.services.runservice.changing import SETUP, log_bell
from tidemill.services.runservice.logs.blocks import decode_index, plain
from tidemill.services.runservice.store import logs, runs
from tidemill.services.runservice.store.logs import Head, LogId, Part


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

    async def open(
        self, task: TaskId, step: int, offset: int, *, follow: bool, attempt: int = 0
    ) -> AsyncIterator[bytes]:
        """The bytes from *offset* on to the end, now or at last; NotFound `logDoesNotExist` before them.

        Of the latest attempt, unless *attempt* says which.
        """
        if offset < 0:
            raise BadRequest(f"a log has no offset {offset}")
        log = LogId(task, step, attempt or await self._latest(task))
        view = await self._view(log, offset)
        return self._followed(log, offset, view) if follow else self.until(log, offset, view.head.length)

    async def _latest(self, id: TaskId) -> int:
        task = await self._db.read(lambda tx: runs.task(tx, id))
        return 1 if task is None else task.attempt

    async def until(self, id: LogId, offset: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from *offset* up to *end*, which the log has already."""
        while offset < end:
            async for block in self._blocks(id, offset, await self._view(id, offset)):
                yield block[: end - offset]
                offset += len(block)
                if offset >= end:
                    return

    async def _followed(self, id: LogId, offset: int, view: View) -> AsyncIterator[bytes]:
        with self._bells.listen(log_bell(id.task, id.step)) as bell:
            while True:
                async for block in self._blocks(id, offset, view):
                    yield block
                    offset += len(block)
                if view.is_final and offset >= view.head.length:
                    return
                view = await self._view(id, offset)
                if not view.is_final and offset >= view.head.length:
                    await bell.wait()
                    view = await self._view(id, offset)

    async def _view(self, id: LogId, offset: int) -> View:
        async def look(tx: Snapshot) -> View:
            task = await runs.task(tx, id.task)
            is_final = _is_final(task, id)
            head = await logs.head(tx, id) or Head()
            if head.is_deleted:
                raise NotFound(f"the log of step {id.step} was deleted", code="logDoesNotExist")
            reads_parts = head.object is None and offset < head.length
            parts = await logs.parts_from(tx, id, offset) if reads_parts else []
            return View(head=head, parts=tuple(parts), is_final=is_final)

        return await self._db.read(look)

    async def _blocks(self, id: LogId, offset: int, view: View) -> AsyncIterator[bytes]:
        """What *view* holds from *offset* on: some of it at least, unless the log has taken another form."""
        at = offset
        cause: Exception | None = None
        try:
            async for block in self._whole(at, view.head) if view.head.object else self._of_parts(at, view):
                yield block
                at += len(block)
        except (NotFound, EOFError, zlib.error) as error:
            cause = error
        if at == offset < view.head.length and await self._is_unchanged(id, offset, view):
            raise Internal(f"the log is damaged at byte {offset}", code="logDamaged") from cause

    async def _whole(self, offset: int, head: Head) -> AsyncIterator[bytes]:
        if offset < head.length and head.object:
            index = decode_index(head.blocks)
            _, at = index.place(offset)
            async for block in plain(index, offset, await self._objects.get(head.object, at)):
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
