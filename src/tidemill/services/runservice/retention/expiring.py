"""What has its own time, apart from runs: logs, workspaces, caches, keys, groups, events."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from tidemill.core.run import TaskId
from tidemill.kit.db import Database, Transaction
from tidemill.services.runservice.retention.pacing import Pace, Tally, in_portions
from tidemill.services.runservice.store import expiry, removal
from tidemill.settings.retention import RetentionSettings

#: Groups that are looked at together.
_AT_ONCE = 50
#: Takes a transaction and a moment; removes some of what is from before it, and answers how many.
_Expire = Callable[[Transaction, datetime], Awaitable[int]]


class Expiring:
    """Removes what has had its time."""

    def __init__(self, db: Database, settings: RetentionSettings, *, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._pace = Pace(db)

    async def apply(self, tally: Tally) -> None:
        """Remove all that is to go by now."""
        now = self._clock()

        async def logs(tx: Transaction, before: datetime) -> int:
            return await expiry.expire_logs(tx, before, now)

        async def caches(tx: Transaction, before: datetime) -> int:
            return await expiry.expire_caches(tx, before, now)

        await self._all("logs", self._settings.logs, logs, tally)
        await self._workspaces(tally)
        await self._all("caches", self._settings.caches, caches, tally)
        await self._quotas(tally)
        await self._all("keys", self._settings.keys, expiry.forget_keys, tally)
        await self._events(tally)

    async def _all(self, kind: str, seconds: float, expire: _Expire, tally: Tally) -> None:
        """Remove all of a kind that is older than some *seconds*, unless they are 0."""
        if not seconds:
            return
        before = self._clock() - timedelta(seconds=seconds)

        async def step(tx: Transaction) -> bool:
            count = await expire(tx, before)
            tally.after(tx, kind, count)
            return count > 0

        await self._pace.until_done(step)

    async def _workspaces(self, tally: Tally) -> None:
        now = self._clock()
        before = now - timedelta(seconds=self._settings.workspaces)

        async def expire(tx: Transaction, task: TaskId) -> None:
            tally.after(tx, "workspaces", await removal.expire_workspaces(tx, task, before, now))

        after: tuple[datetime, TaskId] | None = None
        while found := await self._db.read(
            lambda tx, after=after: expiry.workspaces_made(tx, before, after)  # type: ignore[misc]  # mypy: a lambda's default
        ):
            after = found[-1]
            await self._pace.for_each(sorted({task for _, task in found}), expire)

    async def _quotas(self, tally: Tally) -> None:
        """A quota is looked at whenever a cache is saved; here, because it may have become smaller."""
        quota, now = self._settings.cache_quota, self._clock()
        if not quota:
            return
        over = [path for path, size in (await self._db.read(expiry.cache_sizes)).items() if size > quota]

        async def limit(tx: Transaction, path: str) -> None:
            tally.after(tx, "caches", await expiry.limit_caches(tx, path, quota, now))

        await self._pace.for_each(over, limit)

    async def _events(self, tally: Tally) -> None:
        if not self._settings.events:
            return
        before = self._clock() - timedelta(seconds=self._settings.events)
        while count := await self._db.purge_events(before):
            tally.add("events", count)

    async def groups(self, tally: Tally) -> None:
        """Forget the tokens of groups without runs."""
        after = ""
        while found := await self._db.read(lambda tx, after=after: expiry.known_groups(tx, after)):  # type: ignore[misc]  # mypy: a lambda's default
            after = found[-1]

            async def forget(tx: Transaction, some: Sequence[str]) -> None:
                tally.after(tx, "groups", await expiry.forget_groups(tx, some))

            await self._pace.for_each(in_portions(found, _AT_ONCE), forget)
