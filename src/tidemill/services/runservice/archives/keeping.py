"""Archives of jobs: an object first, durable, then the row that makes it count.

Only who holds the job may keep and read: it is looked at before the bytes are taken, and again in the
transaction that records them. An object that nothing refers to in the end is removed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import msgspec
import structlog

from tidemill.contracts.jobs import Archive
from tidemill.core.job import JobId
from tidemill.core.plan import PlanTask
from tidemill.core.run import TaskId
from tidemill.core.scope import is_forks
from tidemill.errors import BadRequest, Conflict, Failure, NotFound, TooLarge
from tidemill.kit.archive import Digest
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice.retention.quotas import CacheQuota
from tidemill.services.runservice.store import archives, jobs
from tidemill.services.runservice.store.archives import Kept
from tidemill.services.runservice.store.jobs import Job
from tidemill.services.runservice.store.plans import Plans

LARGEST = 64 << 30
"""Bytes that an archive may have."""
LONGEST_KEY = 512

log = structlog.get_logger("runservice")


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What a job may read and write."""

    before: dict[TaskId, PlanTask]
    """The tasks that its own depends on, by level and name."""
    caches: tuple[str, ...]
    """Groups of caches; the first is where it saves."""
    is_fork: bool
    """It saves no caches: whoever may write to a fork may not choose what other runs unpack."""


class Keeping:
    """Serves the archives of jobs."""

    def __init__(
        self,
        db: Database,
        objects: Objects,
        plans: Plans,
        quota: CacheQuota,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._objects = objects
        self._plans = plans
        self._quota = quota
        self._clock = clock
        self._new_id = new_id

    async def workspaces(self, id: JobId, generation: int) -> tuple[Archive, ...]:
        """What the tasks before this one have kept, by level, name and step."""

        async def look(tx: Snapshot) -> list[Archive]:
            before = (await self._rights(tx, id, generation)).before
            kept = await archives.of_tasks(tx, before)
            return [
                Archive(
                    id=one.kept.id,
                    task=task.name,
                    step=one.step,
                    size=one.kept.size,
                    sha256=one.kept.sha256,
                )
                for task_id, task in before.items()
                for one in kept
                if one.task == task_id
            ]

        return tuple(await self._db.read(look))

    async def save_workspace(
        self, id: JobId, generation: int, step: int, chunks: AsyncIterator[bytes]
    ) -> Archive:
        """Keep what a step of the job's task has archived."""

        async def record(tx: Transaction, _: Rights, kept: Kept) -> Archive:
            before = await archives.replace_workspace(tx, TaskId(id), step, kept)
            if before is not None:
                replaced.append(before)
            return Archive(id=kept.id, step=step, size=kept.size, sha256=kept.sha256)

        replaced: list[str] = []
        archive = await self._keep(id, generation, chunks, record)
        for one in replaced:
            await self._remove(one)
        return archive

    async def find_cache(self, id: JobId, generation: int, key: str) -> Archive | None:
        """The cache of that key, else the latest that begins with it."""
        _check_key(key)
        now = self._clock()

        async def look(tx: Snapshot) -> tuple[Archive | None, bool]:
            found = await archives.find_cache(tx, (await self._rights(tx, id, generation)).caches, key)
            return found, found is not None and await archives.is_use_news(tx, found.id, now)

        found, is_use_news = await self._db.read(look)
        if found is not None and is_use_news:
            await self._db.do(lambda tx: archives.use_cache(tx, found.id, now))
        return found

    async def save_cache(self, id: JobId, generation: int, key: str, chunks: AsyncIterator[bytes]) -> Archive:
        """Keep files under *key*, unless there are some; answers what is kept then."""
        _check_key(key)
        if (await self._db.read(lambda tx: self._rights(tx, id, generation))).is_fork:
            raise BadRequest("runs of forks save no caches", code="forkSavesNoCache")

        async def record(tx: Transaction, rights: Rights, kept: Kept) -> Archive:
            group = rights.caches[0]
            self._quota.check(kept)
            if await archives.add_cache(tx, group, key, kept):
                await self._quota.make_room(tx, group, kept)
                return Archive(id=kept.id, key=key, size=kept.size, sha256=kept.sha256)
            found = await archives.find_cache(tx, (group,), key)
            assert found is not None, "a cache of this key is in the way"
            return found

        return await self._keep(id, generation, chunks, record)

    async def read(self, id: JobId, generation: int, archive: str) -> AsyncIterator[bytes]:
        """An archive that the job may read; NotFound `archiveDoesNotExist`."""

        async def look(tx: Snapshot) -> bool:
            rights = await self._rights(tx, id, generation)
            kept = await archives.of_tasks(tx, rights.before)
            return any(one.kept.id == archive for one in kept) or await archives.is_cache(
                tx, rights.caches, archive
            )

        if await self._db.read(look):
            try:
                return await self._objects.get(_name(archive))
            except NotFound:
                log.exception("the object of an archive is gone", archive=archive)
        raise NotFound("these files are not kept any more", code="archiveDoesNotExist")

    async def _keep(
        self,
        id: JobId,
        generation: int,
        chunks: AsyncIterator[bytes],
        record: Callable[[Transaction, Rights, Kept], Awaitable[Archive]],
    ) -> Archive:
        """Store an object and record it; answers what is recorded."""
        await self._db.read(lambda tx: self._rights(tx, id, generation))
        new = self._new_id()
        digest = Digest()
        await self._objects.put(_name(new), _limited(digest.of(chunks)))
        kept = Kept(id=new, size=digest.size, sha256=digest.sha256, created_at=self._clock())

        async def store(tx: Transaction) -> Archive:
            await jobs.hold(tx, id, generation)
            return await record(tx, await self._rights(tx, id, generation), kept)

        try:
            archive = await self._db.do(store)
        except (Conflict, TooLarge):  # after any other failure it may have been recorded nevertheless
            await self._remove(new)
            raise
        if archive.id != new:
            await self._remove(new)
        return archive

    async def _rights(self, tx: Snapshot, id: JobId, generation: int) -> Rights:
        """What a job may do; Conflict `fenced`."""
        job = await jobs.live(tx, id, generation)
        return Rights(
            before=await self._before(tx, job),
            caches=await self._caches(tx, job),
            is_fork=is_forks(job.scope),
        )

    async def _before(self, tx: Snapshot, job: Job) -> dict[TaskId, PlanTask]:
        plan = (await self._plans.get(tx, {job.plan_id}))[job.plan_id]
        names = [task.name for task in plan.tasks]
        ids = dict(zip(names, await archives.task_ids(tx, job.run), strict=True))
        return {ids[task.name]: task for task in plan.ancestors(plan.tasks[job.position].name)}

    async def _caches(self, tx: Snapshot, job: Job) -> tuple[str, ...]:
        plan = (await self._plans.get(tx, {job.plan_id}))[job.plan_id]
        return plan.caches or (await archives.counter_path(tx, job.run),)

    async def _remove(self, archive: str) -> None:
        try:
            await self._objects.delete(_name(archive))
        except Failure as failure:
            log.warning("an archive that is not needed stays", archive=archive, reason=failure.message)


async def _limited(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > LARGEST:
            raise TooLarge(f"an archive may have {LARGEST} bytes at most")
        yield chunk


def _name(archive: str) -> str:
    return f"archives/{archive}"


def _check_key(key: str) -> None:
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise BadRequest(f"a key has 1 to {LONGEST_KEY} printable characters")
