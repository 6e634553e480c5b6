"""Artifacts: kept with a run for people until their time is over.

A row announces the object before there is one, so that whatever happens on the way it is found and
removed. What is read is only what a transaction has recorded after the object was durable.
"""

import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from tidemill.contracts.jobs import KeptArtifacts
from tidemill.contracts.runservice import Artifact
from tidemill.core.artifacts import folders_of, path_fault
from tidemill.core.job import JobId, attempt_of
from tidemill.core.plan import SaveArtifacts
from tidemill.core.run import RunId, TaskId
from tidemill.errors import BadRequest, Conflict, Failure, NotFound, TooLarge, Unavailable
from tidemill.kit.contract import Page
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.kit.objects import Objects
from tidemill.services.runservice.archives.bundling import Bundled, tar, zipped
from tidemill.services.runservice.archives.gathering import Gathering
from tidemill.services.runservice.store import archives, artifacts, jobs, runs
from tidemill.services.runservice.store.artifacts import Found, NewSet
from tidemill.services.runservice.store.plans import Plans
from tidemill.settings import RunserviceSettings

LONGEST = timedelta(days=3650)
_LONGEST_UPLOAD = timedelta(days=1)
_AT_ONCE = 100
#: Objects that would not go, after which the store is left alone until the next look.
_MOST_STUCK = 1000

log = structlog.get_logger("runservice")


class Artifacts:
    """Serves the artifacts of runs."""

    def __init__(
        self,
        db: Database,
        objects: Objects,
        plans: Plans,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        settings: RunserviceSettings,
    ) -> None:
        self._db = db
        self._objects = objects
        self._plans = plans
        self._clock = clock
        self._new_id = new_id
        self._usual = timedelta(seconds=settings.artifacts_expire_after)
        self._quota = settings.retention.artifact_quota

    async def save(
        self, id: JobId, generation: int, step: int, archive: AsyncIterator[bytes]
    ) -> KeptArtifacts:
        """Keep the files of a tar stream for a step of the job's task."""
        draft = NewSet(
            id=self._new_id(),
            task=TaskId(id),
            attempt=attempt_of(generation),
            step=step,
            created_at=self._clock(),
        )
        new, seconds, left = await self._db.do(lambda tx: self._announce(tx, id, generation, draft))
        gathering = Gathering(archive)
        try:
            await self._objects.put(_name(new.id), self._fitting(gathering, left))
        except Exception:
            await self._drop(new.id)
            raise
        until = self._clock() + (self._usual if seconds is None else _duration(seconds))

        async def record(tx: Transaction) -> None:
            await jobs.hold(tx, id, generation)
            if not await artifacts.keep(tx, new, gathering.files, gathering.size, until):
                raise Unavailable("it took so long that it was cleared away: begin again")
            if await self._left(tx, new.counter_path) < 0:
                raise self._full()

        try:
            await self._db.do(record)
        except (Conflict, TooLarge):  # after any other failure it may have been recorded nevertheless
            await self._drop(new.id)
            raise
        return KeptArtifacts(
            files=len(gathering.files), size=gathering.size, left_out=gathering.left_out, expires_at=until
        )

    async def _announce(
        self, tx: Transaction, id: JobId, generation: int, draft: NewSet
    ) -> tuple[NewSet, float | None, int]:
        """Write down what is about to come; also answers for how many seconds, and for how many bytes."""
        job = await jobs.live(tx, id, generation)
        plan = (await self._plans.get(tx, {job.plan_id}))[job.plan_id]
        steps = plan.tasks[job.position].steps
        planned = steps[draft.step] if 0 <= draft.step < len(steps) else None
        if not isinstance(planned, SaveArtifacts):
            raise BadRequest(f"step {draft.step} keeps no artifacts", code="noArtifactsStep")
        new = replace(draft, counter_path=await archives.counter_path(tx, job.run))
        await artifacts.announce(tx, new, new.created_at + _LONGEST_UPLOAD)
        return new, planned.expire_after, await self._left(tx, new.counter_path)

    async def _left(self, tx: Snapshot, counter: str) -> int:
        """How many bytes a counter group may keep beside those that it has; below 0 when it has too many."""
        if not self._quota:
            return sys.maxsize
        return self._quota - await artifacts.kept_bytes(tx, counter, self._clock())

    async def _fitting(self, gathering: Gathering, left: int) -> AsyncIterator[bytes]:
        """The contents of the files, as long as there is room for them."""
        async for piece in gathering.contents():
            if gathering.size > left:
                raise self._full()
            yield piece

    def _full(self) -> TooLarge:
        return TooLarge(
            f"the artifacts of this project would have more than {self._quota:,} bytes in all, which is its"
            " quota: delete runs, or let artifacts expire earlier",
            code="artifactQuotaExceeded",
        )

    async def listed(self, run: RunId, cursor: str, limit: int) -> Page[Artifact]:
        """What is kept of a run, by task, path and step."""
        after = _place(cursor)
        now = self._clock()

        async def look(tx: Snapshot) -> list[Found]:
            if not await artifacts.exists(tx, run):
                raise _no_run(run)
            return await artifacts.of_run(tx, run, now, after=after, limit=limit + 1 if limit else 0)

        found = await self._db.read(look)
        page = found[:limit] if limit else found
        return Page([_shown(one) for one in page], _cursor(page[-1]) if len(page) < len(found) else "")

    async def one(self, run: RunId, task: TaskId, path: str) -> Artifact:
        """What is known of a file; NotFound `artifactDoesNotExist`."""
        return _shown(await self._at(run, task, path))

    async def read(
        self, run: RunId, task: TaskId, path: str, sha256: str, start: int, end: int
    ) -> AsyncIterator[bytes]:
        """The bytes of a file from *start* to *end*; NotFound too when another has taken its place."""
        found = await self._at(run, task, path)
        if found.file.sha256 != sha256 or not 0 <= start <= end <= found.file.size:
            raise NotFound(f"{path[:200]!r} is another file now", code="artifactDoesNotExist")
        return await self._content(found, start, end)

    async def _at(self, run: RunId, task: TaskId, path: str) -> Found:
        absence = NotFound(f"there is no artifact {path[:200]!r}", code="artifactDoesNotExist")
        if path_fault(path) or "\0" in task:
            raise absence
        found = await self._db.read(lambda tx: artifacts.at_path(tx, run, task, path, self._clock()))
        if found is None:
            raise absence
        return found

    async def bundle(self, run: RunId, format: str, task: str) -> AsyncIterator[bytes]:
        """All files as a tar or zip stream: those of each task in a directory, of one *task* without it."""
        if format not in ("tar", "zip"):
            raise BadRequest(f"format {format!r} is neither tar nor zip", code="badFormat")
        stored = await self._db.read(lambda tx: runs.by_id(tx, run))
        if stored is None:
            raise _no_run(run)
        names = {one.id: one.name for one in stored.run.tasks}
        if task and task not in names:
            raise NotFound(f"the run has no task {task!r}", code="taskDoesNotExist")
        folders = folders_of(list(names.values()))
        prefixes = {key: "" if task else f"{folders[name]}/" for key, name in names.items()}
        bundled = self._bundled(run, prefixes, TaskId(task))
        return tar(bundled) if format == "tar" else zipped(bundled)

    async def _bundled(self, run: RunId, prefixes: dict[TaskId, str], only: TaskId) -> AsyncIterator[Bundled]:
        """Each file once: of those with the same path, what the last step has kept."""
        now = self._clock()
        last: Found | None = None
        after: tuple[int, str, int] | None = None
        while True:
            page = await self._db.read(
                lambda tx, after=after: artifacts.of_run(tx, run, now, after=after, limit=500)  # type: ignore[misc]  # mypy: a lambda's default
            )
            for one in page:
                after = one.position, one.file.path, one.step
                if only and one.task != only:
                    continue
                if last is not None and (last.task, last.file.path) != (one.task, one.file.path):
                    yield self._as_bundled(last, prefixes)
                last = one
            if not page:
                break
        if last is not None:
            yield self._as_bundled(last, prefixes)

    def _as_bundled(self, found: Found, prefixes: dict[TaskId, str]) -> Bundled:
        return Bundled(
            name=prefixes[found.task] + found.file.path,
            size=found.file.size,
            mode=found.file.mode,
            created_at=found.created_at,
            content=lambda: self._content(found, 0, found.file.size),
        )

    async def _content(self, found: Found, start: int, end: int) -> AsyncIterator[bytes]:
        file = found.file
        try:
            return await self._objects.get(_name(found.set), file.start + start, file.start + end)
        except NotFound as error:
            raise NotFound(f"{file.path!r} is not kept any more", code="artifactDoesNotExist") from error

    async def expire(self) -> None:
        """Remove all whose time is over, and what uploads have left that broke off: objects, then rows."""
        now = self._clock()
        stuck: set[str] = set()
        while True:
            over = await self._db.read(lambda tx: artifacts.over(tx, now, _AT_ONCE, stuck))
            gone = [one for one in over if await self._is_removed(one)]
            stuck.update(set(over) - set(gone))
            if gone:
                await self._db.do(lambda tx, gone=gone: artifacts.forget(tx, gone))  # type: ignore[misc]  # mypy: a lambda's default
                log.info("artifacts removed", sets=len(gone))
            if len(over) < _AT_ONCE or len(stuck) >= _MOST_STUCK:
                return

    async def _is_removed(self, id: str) -> bool:
        try:
            await self._objects.delete(_name(id))
        except Failure as failure:
            log.warning("artifacts past their time stay", object=_name(id), reason=failure.message)
            return False
        return True

    async def _drop(self, id: str) -> None:
        """Remove what nobody will ever read; if that fails now, its time comes."""
        if await self._is_removed(id):
            try:
                await self._db.do(lambda tx: artifacts.forget(tx, [id]))
            except Failure as failure:
                log.warning("the row of removed artifacts stays", object=_name(id), reason=failure.message)


def _duration(seconds: float) -> timedelta:
    return min(timedelta(seconds=min(seconds, LONGEST.total_seconds())), LONGEST)


def _shown(found: Found) -> Artifact:
    return Artifact(
        task=found.task,
        step=found.step,
        path=found.file.path,
        size=found.file.size,
        sha256=found.file.sha256,
        created_at=found.created_at,
        expires_at=found.expires_at,
    )


def _cursor(found: Found) -> str:
    return f"{found.position}/{found.step}/{found.file.path}"


def _place(cursor: str) -> tuple[int, str, int] | None:
    if not cursor:
        return None
    position, _, rest = cursor.partition("/")
    step, _, path = rest.partition("/")
    if not _is_number(position) or not _is_number(step) or path_fault(path):
        raise BadRequest("the cursor is damaged", code="badCursor")
    return int(position), path, int(step)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _name(id: str) -> str:
    return f"artifacts/{id}"


def _no_run(run: RunId) -> NotFound:
    return NotFound(f"there is no run {run!r}", code="runDoesNotExist")
