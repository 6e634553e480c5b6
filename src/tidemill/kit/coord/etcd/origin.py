"""Where the revisions of an installation begin, so that they only grow, whatever becomes of etcd's data.

etcd counts its revisions from 1 again when its data is gone, and from an older one when a backup is
restored. A leadership's token must not. So a key of the installation holds the *origin*: the time in
microseconds at which it was set. Our revision is origin + etcd's revision; etcd cannot make a million
changes a second, and so an origin that is set later lies above every revision there was.

Every transaction of ours compares the origin: one that meets other data has no effect.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from tidemill.errors import Internal
from tidemill.kit.coord.etcd.connection import Connection
from tidemill.kit.coord.etcd.requests import is_absent, is_value, putting, reading


class Outcome(msgspec.Struct, frozen=True):
    """What a transaction did: whether its comparison held, its answers, etcd's revision, the origin."""

    held: bool
    answers: tuple[Any, ...]
    at: int
    origin: int

    def revision(self, etcds: int | None = None) -> int:
        """Ours for *etcds* revision, for that of the whole transaction without one."""
        return self.origin + (self.at if etcds is None else etcds)


class Origin:
    """Sends the transactions of one installation, and sets its origin where there is none."""

    def __init__(self, connection: Connection, key: bytes, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._key = key
        self._clock = clock
        self._known: int | None = None
        self._newest = 0
        self._setting = asyncio.Lock()

    async def transact(
        self, operation: Any, *compare: Callable[[int], Any], repeatable: bool = True
    ) -> Outcome:
        """Do *operation* if every comparison holds; those are made for the origin that is asked."""
        while True:
            origin, newest = self._known or await self._find(), self._newest
            answer = await self._connection.transact(
                [self._is(origin), *(make(origin) for make in compare)],
                [operation, reading(self._key)],
                [reading(self._key)],
                repeatable=repeatable,
            )
            found = answer.responses[-1].response_range.kvs
            if not found or found[0].value != b"%d" % origin:
                self._known = None  # nothing was done
            elif origin + answer.header.revision < newest:  # a backup was restored
                origin = await self._raise(origin)
                if not answer.succeeded:
                    continue
                return self._outcome(answer, origin)
            else:
                return self._outcome(answer, origin)

    async def revision(self) -> tuple[int, int]:
        """The origin, and our newest revision."""
        outcome = await self.transact(reading(self._key))
        return outcome.origin, outcome.revision()

    def _outcome(self, answer: Any, origin: int) -> Outcome:
        self._newest = max(self._newest, origin + answer.header.revision)
        return Outcome(bool(answer.succeeded), tuple(answer.responses[:-1]), answer.header.revision, origin)

    def _is(self, origin: int) -> Any:
        return is_value(self._key, b"%d" % origin)

    async def _find(self) -> int:
        """The origin that is set; sets one in an etcd that is new or has lost everything."""
        async with self._setting:
            if self._known is None:
                self._known = await self._set(is_absent(self._key))
            return self._known

    async def _raise(self, origin: int) -> int:
        """Set a later one than *origin*, unless another process has done it."""
        async with self._setting:
            if self._known in (None, origin):
                self._known = await self._set(self._is(origin))
            assert self._known is not None
            return self._known

    async def _set(self, unless_changed: Any) -> int:
        origin = max(int(self._clock() * 1_000_000), self._newest + 1)
        answer = await self._connection.transact(
            [unless_changed], [putting(self._key, b"%d" % origin)], [reading(self._key)], repeatable=True
        )
        if answer.succeeded:
            return origin
        (found,) = answer.responses[0].response_range.kvs
        if not found.value.isdigit():
            raise Internal(f"etcd's key {self._key.decode()} is not ours; choose another coordinator.prefix")
        return int(found.value)
