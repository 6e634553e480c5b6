"""What people may do with what is kept: look how much there is, and remove it by hand."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from tidemill.contracts.storage import Cache, Removed, RunRule, RunRules, Storage, Usage
from tidemill.core.run import RunId, TaskId
from tidemill.errors import BadRequest, Conflict, NotFound
from tidemill.kit.contract import Page
from tidemill.kit.coord import Bells
from tidemill.kit.db import Database, Snapshot, Transaction
from tidemill.services.runservice import groups
from tidemill.services.runservice.changing import SETUP
from tidemill.services.runservice.retention.clearing import BELL
from tidemill.services.runservice.retention.pacing import Tally
from tidemill.services.runservice.retention.policy import in_force
from tidemill.services.runservice.store import artifacts, expiry, keeping, removal, rules, runs
from tidemill.settings.retention import RetentionSettings

_AT_ONCE = 100
_place = msgspec.json.Decoder(tuple[str, str])


class StorageRoom(Storage):
    """Everything that is kept of a counter group."""

    def __init__(
        self, db: Database, bells: Bells, settings: RetentionSettings, *, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._bells = bells
        self._settings = settings
        self._clock = clock

    async def delete_run(self, id: RunId) -> None:
        tally = Tally()

        async def remove(tx: Transaction) -> None:
            place = await removal.find(tx, id)
            if place is not None and not place.is_final:
                raise Conflict("the run is not over: stop it first", code="runNotOver")
            if place is None or not await removal.remove_runs(tx, [place.sequence]):
                raise NotFound(f"there is no run {id!r}", code="runDoesNotExist")
            self._done(tx, tally, "runs", 1)

        await self._db.do(remove)
        tally.tell()

    async def delete_log(self, id: RunId, task: TaskId, step: int) -> None:
        tally = Tally()
        now = self._clock()

        async def remove(tx: Transaction) -> None:
            stored = await runs.take_by_id(tx, id)
            if stored is None:
                raise NotFound(f"there is no run {id!r}", code="runDoesNotExist")
            found = next((one for one in stored.run.tasks if one.id == task), None)
            if found is None:
                raise NotFound(f"the run has no task {task!r}", code="taskDoesNotExist")
            if not SETUP <= step < len(found.steps):
                raise NotFound(f"task {found.name!r} has no step {step}", code="logDoesNotExist")
            if not found.status.is_final:
                raise Conflict(f"task {found.name!r} is not over: its logs still grow", code="taskNotOver")
            if not await expiry.delete_logs(tx, task, step, now):
                raise NotFound("this log was deleted before", code="logDoesNotExist")
            self._done(tx, tally, "logs", 1)

        await self._db.do(remove)
        tally.tell()

    async def caches(self, group: str, cursor: str = "", limit: int = 100) -> Page[Cache]:
        counter, after = _counter(group), _after(cursor)
        most = limit + 1 if limit else 0
        found = await self._db.read(lambda tx: keeping.caches_of(tx, counter, after, most))
        page = found[:limit] if limit else found
        if len(page) == len(found):
            return Page(page)
        return Page(page, msgspec.json.encode((page[-1].group, page[-1].key)).decode())

    async def delete_cache(self, id: str, group: str) -> None:
        if not await self._drop_caches(Tally(), _counter(group), id):
            raise NotFound(f"there is no cache {id!r}", code="cacheDoesNotExist")

    async def delete_caches(self, group: str) -> Removed:
        counter, tally = _counter(group), Tally()
        count = 0
        while some := await self._drop_caches(tally, counter):
            count += some
        tally.tell()
        return Removed(count)

    async def _drop_caches(self, tally: Tally, counter: str, only: str = "") -> int:
        """Remove some caches, or one; answers how many."""
        now = self._clock()

        async def drop(tx: Transaction) -> int:
            ids = await keeping.cache_ids(tx, counter, _AT_ONCE, only)
            await expiry.drop_caches(tx, ids, now)
            self._done(tx, tally, "caches", len(ids))
            return len(ids)

        return await self._db.do(drop)

    async def usage(self, group: str) -> Usage:
        counter, now = _counter(group), self._clock()

        async def look(tx: Snapshot) -> Usage:
            count, size = await keeping.cache_use(tx, counter)
            return Usage(
                caches=count,
                cache_bytes=size,
                cache_quota=self._settings.cache_quota,
                artifact_bytes=await artifacts.kept_bytes(tx, counter, now),
                artifact_quota=self._settings.artifact_quota,
            )

        return await self._db.read(look)

    async def run_rule(self, group: str) -> RunRules:
        counter = _counter(group)
        own = await self._db.read(lambda tx: rules.rule_of(tx, counter))
        return RunRules(own=own, in_force=in_force(self._settings, own).rule)

    async def set_run_rule(self, group: str, rule: RunRule) -> RunRules:
        counter = _counter(group)
        await self._db.do(lambda tx: rules.set_rule(tx, counter, rule))
        return await self.run_rule(group)

    async def delete_group(self, group: str) -> None:
        counter = _counter(group)

        async def doom(tx: Transaction) -> None:
            await removal.doom_group(tx, counter)
            tx.after_commit(self._bells.ring, GROUPS)

        await self._db.do(doom)

    def _done(self, tx: Transaction, tally: Tally, kind: str, count: int) -> None:
        tally.after(tx, kind, count)
        tx.after_commit(self._bells.ring, BELL)


#: Rings when a group is wanted no more.
GROUPS = "doomed-groups"


def _counter(group: str) -> str:
    path = groups.checked(group)
    if groups.counter_path(path) != path:
        raise BadRequest(f"{path!r} is no group that counts runs", code="invalidRunGroup")
    return path


def _after(cursor: str) -> tuple[str, str] | None:
    if not cursor:
        return None
    try:
        return _place.decode(cursor)
    except msgspec.DecodeError as error:
        raise BadRequest("the cursor is damaged", code="badCursor") from error
