"""The coordinator on etcd: keys, leases and watches of an installation of several processes."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import Any, Self
from uuid import uuid4

from aetcd import rpc

from tidemill.errors import Conflict, Failure
from tidemill.kit.coord.coordinator import Entry, Lease, Listing
from tidemill.kit.coord.etcd.address import Address
from tidemill.kit.coord.etcd.bells import EtcdBells
from tidemill.kit.coord.etcd.connection import Connection, Member
from tidemill.kit.coord.etcd.origin import Origin, Outcome
from tidemill.kit.coord.etcd.requests import (
    deleting,
    end_of,
    is_changed_at,
    lease_is_over,
    putting,
    reading,
)
from tidemill.kit.coord.etcd.watch import EtcdWatch

#: Seconds for telling etcd that we go; the leases end by themselves otherwise.
_FAREWELL = 1.0


class EtcdCoordinator:
    """Keys are etcd's; leases end with their time, or when their process closes its coordinator.

    While etcd is away every call waits up to its deadline and raises Unavailable then; nothing has to be
    opened again. When its data is gone, leases are over and watches have to list again: their owners
    put everything back.
    """

    def __init__(self, address: Address, clock: Callable[[], float]) -> None:
        self._connection = Connection(address)
        root = address.root()
        self._keys = root + "keys/"
        self._origin = Origin(self._connection, f"{root}origin".encode(), clock)
        self.bells = EtcdBells(self._connection, self._origin, f"{root}bells".encode(), uuid4().hex)
        self._leases: set[str] = set()

    @classmethod
    async def open(cls, address: Address, *, clock: Callable[[], float] = time.time) -> Self:
        """Begin to use the etcd at *address*; it need not be there yet. BadRequest for a wrong address."""
        coordinator = cls(address, clock)
        coordinator.bells.start()
        return coordinator

    async def get(self, key: str) -> Entry | None:
        """See `Coordinator`."""
        outcome = await self._origin.transact(reading(self._name(key)))
        entries = self._entries(outcome)
        return entries[0] if entries else None

    async def entries(self, prefix: str) -> Listing:
        """See `Coordinator`."""
        start = self._name(prefix)
        outcome = await self._origin.transact(reading(start, end_of(start)))
        return Listing(entries=self._entries(outcome), revision=outcome.revision())

    async def put(
        self, key: str, value: bytes, *, revision: int | None = None, lease: Lease | None = None
    ) -> int:
        """See `Coordinator`."""
        held_by = 0 if lease is None else int(lease.id, 16)
        outcome = await self._change(key, revision, putting(self._name(key), value, held_by))
        return outcome.revision()

    async def delete(self, key: str, *, revision: int | None = None) -> bool:
        """See `Coordinator`."""
        outcome = await self._change(key, revision, deleting(self._name(key)))
        return bool(outcome.answers[0].response_delete_range.deleted)

    async def grant(self, seconds: float) -> Lease:
        """See `Coordinator`. etcd counts whole seconds, and has a least time of its own."""
        request = rpc.LeaseGrantRequest(TTL=max(1, math.ceil(seconds)))
        answer = await self._connection.attempt(
            lambda member, rest, metadata: member.lease.LeaseGrant(request, timeout=rest, metadata=metadata),
            repeatable=True,
        )
        lease = Lease(f"{answer.ID:x}", float(answer.TTL))
        self._leases.add(lease.id)
        return lease

    async def keep(self, lease: Lease) -> None:
        """See `Coordinator`."""
        request = rpc.LeaseKeepAliveRequest(ID=int(lease.id, 16))

        async def keep(member: Member, rest: float, metadata: tuple[tuple[str, str], ...]) -> Any:
            stream = member.lease.LeaseKeepAlive([request], timeout=rest, metadata=metadata)
            answers = [
                answer async for answer in stream
            ]  # to its end: one left open would stay until its deadline
            return answers[0] if answers else None

        answer = await self._connection.attempt(keep, repeatable=True)
        if answer is None or answer.TTL <= 0:
            self._leases.discard(lease.id)
            raise lease_is_over()

    async def revoke(self, lease: Lease) -> None:
        """See `Coordinator`."""
        await self._revoke(lease.id)

    def watch(self, prefix: str, after: int) -> EtcdWatch:
        """See `Coordinator`."""
        start = self._name(prefix)
        return EtcdWatch(self._connection, self._origin, (start, end_of(start)), len(self._keys), after)

    async def close(self) -> None:
        """See `Coordinator`. Its leases end now, if etcd can be told."""
        await self.bells.stop()
        with contextlib.suppress(TimeoutError, Failure):
            async with asyncio.timeout(_FAREWELL):
                await asyncio.gather(*(self._revoke(lease) for lease in self._leases))
        await self._connection.close()

    async def _revoke(self, lease: str) -> None:
        request = rpc.LeaseRevokeRequest(ID=int(lease, 16))
        with contextlib.suppress(Conflict):  # it was over before
            await self._connection.attempt(
                lambda member, rest, metadata: member.lease.LeaseRevoke(
                    request, timeout=rest, metadata=metadata
                ),
                repeatable=True,
            )
        self._leases.discard(lease)

    async def _change(self, key: str, revision: int | None, operation: Any) -> Outcome:
        """Do *operation* on *key*, which must not have changed since *revision*."""
        if revision is None:
            return await self._origin.transact(operation)

        def compare(origin: int) -> Any:
            # A revision from before the origin is that of no key: nothing was ever changed at -1.
            return is_changed_at(self._name(key), max(-1, revision - origin) if revision else 0)

        outcome = await self._origin.transact(operation, compare, repeatable=False)
        if not outcome.held:
            raise Conflict(f"{key!r} has changed since revision {revision}; read it again", code="revision")
        return outcome

    def _name(self, key: str) -> bytes:
        return f"{self._keys}{key}".encode()

    def _entries(self, outcome: Outcome) -> tuple[Entry, ...]:
        return tuple(
            Entry(
                key=found.key.decode()[len(self._keys) :],
                value=found.value,
                revision=outcome.revision(found.mod_revision),
                lease=f"{found.lease:x}" if found.lease else "",
            )
            for found in outcome.answers[0].response_range.kvs
        )
