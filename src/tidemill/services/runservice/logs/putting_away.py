"""Putting logs away once their tasks are over: small ones in one row, large ones in one object.

A log's rows always refer to exactly one form of it. The new form is durable before they are changed, the
old one is removed after; only then a log counts as put away, so that a crash in between is made good.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import msgspec
import structlog

from tidemill.core.run import TaskId
from tidemill.errors import Failure
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice.logs.appending import object_name, objects_folder
from tidemill.services.runservice.logs.blocks import Compressor, encode_index
from tidemill.services.runservice.logs.layout import layout, times
from tidemill.services.runservice.logs.reading import Reading
from tidemill.services.runservice.store import logs, runs
from tidemill.services.runservice.store.logs import Head, LogId

#: Bytes up to which a log stays in the database.
SMALL = 64 * 1024

#: Tasks that share the transactions of their small logs.
_AT_ONCE = 50

log = structlog.get_logger("runservice")


class _Task(msgspec.Struct, frozen=True):
    """A task that is over, with its logs that are not put away."""

    id: TaskId
    logs: tuple[tuple[LogId, Head], ...]
    scattered: frozenset[LogId]
    """Those in more than one part."""


class PuttingAway:
    """The loop's work on logs."""

    def __init__(
        self,
        db: Database,
        objects: Objects,
        reading: Reading,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._objects = objects
        self._reading = reading
        self._clock = clock
        self._new_id = new_id

    async def put_away(self) -> None:
        """Put every log away whose task is over."""
        over = await self._db.read(_over)
        for start in range(0, len(over), _AT_ONCE):
            await self._put_tasks_away(over[start : start + _AT_ONCE])

    async def _put_tasks_away(self, tasks: Sequence[_Task]) -> None:
        scattered = [
            one for task in tasks for one, head in task.logs if one in task.scattered and _is_small(head)
        ]
        if scattered:
            await self._db.do(lambda tx: _gather(tx, scattered))
        done = [task for task in tasks if await self._is_put_away(task)]
        now = self._clock()
        ids = [one for task in done for one, _ in task.logs]
        await self._db.do(lambda tx: logs.put_away(tx, ids, now))

    async def _is_put_away(self, task: _Task) -> bool:
        """Whether the logs of *task* could be made whole; those that cannot keep no other from it."""
        try:
            for one, head in task.logs:
                if not _is_small(head) and head.object is None:
                    await self._make_whole(one, head)
            await self._sweep(task.id)
        except Failure as failure:
            log.warning("logs of a task stay in parts", task=task.id, reason=failure.message)
            return False
        return True

    async def _make_whole(self, id: LogId, head: Head) -> None:
        """Store all of a log as one object, and let its row refer to that."""
        name = object_name(id, f"whole-{self._new_id()}")
        compressor = Compressor(self._reading.until(id, 0, head.length))
        await self._objects.put(name, compressor.blocks())
        marks = times(await self._db.read(lambda tx: layout(tx, id, head)))
        whole = Head(length=head.length, object=name, blocks=encode_index(compressor.index(marks)))
        await self._db.do(lambda tx: logs.make_whole(tx, id, whole))

    async def _sweep(self, task: TaskId) -> None:
        """Remove the objects of a task that its logs do not refer to."""
        names = [name async for name in self._objects.list(objects_folder(task))]
        if not names:
            return
        wanted = await self._db.read(lambda tx: logs.objects_of(tx, task))
        for name in names:
            if name not in wanted:
                await self._objects.delete(name)


def _is_small(head: Head) -> bool:
    return head.length <= SMALL


async def _over(tx: Snapshot) -> list[_Task]:
    tasks = await runs.tasks_with_growing_logs(tx)
    scattered = frozenset(await logs.scattered(tx))
    return [
        _Task(task, of_task, scattered.intersection(one for one, _ in of_task))
        for task, of_task in _by_task(await logs.growing(tx))
        if task in tasks and tasks[task].status.is_final
    ]


def _by_task(
    growing: Sequence[tuple[LogId, Head]],
) -> Iterator[tuple[TaskId, tuple[tuple[LogId, Head], ...]]]:
    for task, of_task in groupby(growing, lambda one: one[0].task):
        yield task, tuple(of_task)


async def _gather(tx: Transaction, ids: Sequence[LogId]) -> None:
    for one in ids:
        await logs.gather(tx, one)
