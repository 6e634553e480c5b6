"""A watch that outlives its connection: it goes on at another member, behind the last change it told."""

import asyncio
from typing import Any

from tidemill.errors import Conflict, Unavailable
from tidemill.kit.coord.coordinator import Change
from tidemill.kit.coord.etcd.connection import CALL, Connection, pauses
from tidemill.kit.coord.etcd.origin import Origin
from tidemill.kit.coord.etcd.requests import is_compacted
from tidemill.kit.coord.etcd.stream import Stream

#: Seconds that a new connection is given even if the caller would wait less.
_LEAST = 1.0


class EtcdWatch:
    """See `Watch`. What was committed a moment ago may take a moment to arrive."""

    def __init__(
        self, connection: Connection, origin: Origin, keys: tuple[bytes, bytes], cut: int, after: int
    ) -> None:
        self.revision = after
        self._connection = connection
        self._origin = origin
        self._keys = keys
        self._cut = cut
        self._base = 0
        self._stream: Stream | None = None

    async def next(self, timeout: float = 15.0) -> list[Change]:  # noqa: ASYNC109 - a long poll
        """See `Watch`. Raises Unavailable when etcd was away all the time."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        for pause in pauses():
            try:
                if self._stream is None:
                    self._stream = await self._open(max(_LEAST, min(CALL, deadline - clock())))
                while True:
                    answer = await self._stream.next(max(0.0, deadline - clock()))
                    if answer is None:
                        return []
                    if changes := self._changes(answer):
                        return changes
            except Unavailable:
                self.close()
                if clock() + pause >= deadline:
                    raise
            except Conflict as error:
                self.close()
                raise is_compacted(self.revision) from error
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    def close(self) -> None:
        """See `Watch`."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def _open(self, seconds: float) -> Stream:
        """Watch from the last change told on, that one included: its revision may be the oldest kept."""
        try:
            async with asyncio.timeout(seconds):
                base, _ = await self._origin.revision()
                start = self.revision - base if self.revision else 1
                if start < 1:  # from before etcd lost its data
                    raise is_compacted(self.revision)
                stream = await self._connection.watch(*self._keys, start, seconds)
                try:
                    await self._confirm(base)
                except BaseException:
                    stream.close()
                    raise
        except TimeoutError as error:
            raise Unavailable("etcd does not answer", code="coordinatorAway") from error
        self._base = base
        return stream

    async def _confirm(self, base: int) -> None:
        """Only data that is looked at after the stream has begun is the data that it tells of."""
        now, newest = await self._origin.revision()
        if now != base or newest < self.revision:
            raise is_compacted(self.revision)

    def _changes(self, answer: Any) -> list[Change]:
        """What is new in *answer*; one that has nothing says how far the watch is."""
        changes = [
            Change(
                key=event.kv.key.decode()[self._cut :],
                value=event.kv.value if event.type == event.PUT else None,
                revision=self._base + event.kv.mod_revision,
            )
            for event in answer.events
            if self._base + event.kv.mod_revision > self.revision
        ]
        if changes:
            self.revision = changes[-1].revision
        elif not answer.events:
            self.revision = max(self.revision, self._base + answer.header.revision)
        return changes
