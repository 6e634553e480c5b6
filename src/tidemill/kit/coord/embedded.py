"""The coordinator of an installation that is one process: a SQLite file of its own."""

import functools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self
from uuid import uuid4

from tidemill.errors import Conflict
from tidemill.kit.coord import keys
from tidemill.kit.coord.bells import Bells
from tidemill.kit.coord.coordinator import Change, Entry, Lease, Listing
from tidemill.kit.coord.file_lock import FileLock
from tidemill.kit.db import Database, Transaction

#: Changes that a watch can go back over.
HISTORY = 10_000


class EmbeddedCoordinator:
    """Keys are kept on disk; leases belong to this process and end with it, as its instances do."""

    def __init__(self, database: Database, lock: FileLock, clock: Callable[[], float], history: int) -> None:
        self.bells = Bells()
        self.changed = Bells()
        """Rung with a key after each change of it; watches listen."""
        self._database = database
        self._lock = lock
        self._clock = clock
        self._history = history
        self._deadlines: dict[str, float] = {}

    @classmethod
    async def open(
        cls, path: Path, *, clock: Callable[[], float] = time.monotonic, history: int = HISTORY
    ) -> Self:
        """Open the file at *path*. Conflict (code `dataDirectoryInUse`) while another process has it open."""
        lock = FileLock(path.with_name(path.name + ".lock"))
        try:
            database = await Database.open(
                f"sqlite:///{path}", name="coord", migrations="tidemill.kit.coord.migrations"
            )
        except BaseException:
            lock.release()
            raise
        coordinator = cls(database, lock, clock, history)
        await coordinator._change(keys.drop_leased)
        return coordinator

    async def get(self, key: str) -> Entry | None:
        """See `Coordinator`."""
        await self.expire()
        return await self._database.read(lambda snapshot: keys.find(snapshot, key))

    async def entries(self, prefix: str) -> Listing:
        """See `Coordinator`."""
        await self.expire()
        return await self._database.read(lambda snapshot: keys.under(snapshot, prefix))

    async def put(
        self, key: str, value: bytes, *, revision: int | None = None, lease: Lease | None = None
    ) -> int:
        """See `Coordinator`."""
        await self.expire()
        if lease is not None:
            self._check(lease)

        async def put(tx: Transaction) -> list[Change]:
            await keys.compare(tx, key, revision)
            return [await keys.put(tx, key, value, "" if lease is None else lease.id)]

        (change,) = await self._change(put)
        return change.revision

    async def delete(self, key: str, *, revision: int | None = None) -> bool:
        """See `Coordinator`."""
        await self.expire()

        async def delete(tx: Transaction) -> list[Change]:
            await keys.compare(tx, key, revision)
            return await keys.drop(tx, keys.table.c.key == key)

        return bool(await self._change(delete))

    async def grant(self, seconds: float) -> Lease:
        """See `Coordinator`."""
        lease = Lease(uuid4().hex, seconds)
        self._deadlines[lease.id] = self._clock() + seconds
        return lease

    async def keep(self, lease: Lease) -> None:
        """See `Coordinator`."""
        await self.expire()
        self._check(lease)
        self._deadlines[lease.id] = self._clock() + lease.seconds

    async def revoke(self, lease: Lease) -> None:
        """See `Coordinator`."""
        if lease.id in self._deadlines:
            self._deadlines[lease.id] = self._clock()
            await self.expire()

    def watch(self, prefix: str, after: int) -> "EmbeddedWatch":
        """See `Coordinator`."""
        return EmbeddedWatch(self, prefix, after)

    async def close(self) -> None:
        """See `Coordinator`."""
        await self._database.close()
        self._lock.release()

    async def expire(self) -> None:
        """Drop what is held by leases whose time is over; every call does it first."""
        now = self._clock()
        for lease in [lease for lease, deadline in self._deadlines.items() if deadline <= now]:
            await self._change(functools.partial(keys.drop, which=keys.table.c.lease == lease))
            # Only now: had the keys not gone, the next call would have to try again.
            self._deadlines.pop(lease, None)

    async def changes(self, prefix: str, after: int) -> list[Change]:
        """The history under *prefix* behind the revision *after*."""
        return await self._database.read(lambda snapshot: keys.changes(snapshot, prefix, after))

    async def _change(self, fn: Callable[[Transaction], Awaitable[list[Change]]]) -> list[Change]:
        async def change(tx: Transaction) -> list[Change]:
            made = await fn(tx)
            for each in made:
                tx.after_commit(self.changed.ring, each.key)
            await keys.forget(tx, self._history)
            return made

        return await self._database.do(change)

    def _check(self, lease: Lease) -> None:
        if lease.id not in self._deadlines:
            raise Conflict("the lease is over; take a new one and put its keys again", code="leaseExpired")


class EmbeddedWatch:
    """Reads the history when a key under its prefix has changed."""

    def __init__(self, coordinator: EmbeddedCoordinator, prefix: str, after: int) -> None:
        self.revision = after
        self._coordinator = coordinator
        self._prefix = prefix
        self._bell = coordinator.changed.listen(prefix)

    async def next(self, timeout: float = 15.0) -> list[Change]:  # noqa: ASYNC109 - a long poll
        """See `Watch`."""
        deadline = time.monotonic() + timeout
        while True:
            await self._coordinator.expire()
            changes = await self._coordinator.changes(self._prefix, self.revision)
            if changes:
                self.revision = changes[-1].revision
                return changes
            if not await self._bell.wait(max(0.0, deadline - time.monotonic())):
                return []

    def close(self) -> None:
        """See `Watch`."""
        self._bell.close()
