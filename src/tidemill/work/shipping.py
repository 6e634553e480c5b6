"""Bringing a log to its store: read, mask, append at an offset, until every byte is acknowledged."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import anyio
import structlog

from tidemill.core.logs.marks import MOST_AT_ONCE, Mark, between, thinned
from tidemill.errors import BadRequest, Failure, TooLarge
from tidemill.pods import Progress
from tidemill.work.masking import Mask, MaskedStream
from tidemill.work.output import Source

log = structlog.get_logger()

#: What is worth an append of its own at once, the most that one append carries, and the longest delay.
BATCH = 64 << 10
LARGEST = 1 << 20
LINGER = 0.1

_CALL_LIMIT = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0


class LogSink(Protocol):
    """Where the logs of one job go; step -1 is the setup.

    Raises `Fenced` and `LogGap`; `errors.BadRequest` and `errors.TooLarge` are final, and everything
    else is answered by asking again.
    """

    async def append(self, step: int, offset: int, data: bytes, seen: Sequence[Mark]) -> int:
        """Store *data* from *offset* on; answers the length stored. Repeated bytes are no-ops.

        *seen* tells when they were printed, with *offset* as the beginning.
        """
        ...

    async def end(self, step: int) -> int:
        """How many bytes of a step's log are stored."""
        ...


class Fenced(Exception):
    """The job belongs to somebody else now."""


class LogGap(Exception):
    """The store has only *length* bytes, less than the offset that it was given."""

    def __init__(self, length: int) -> None:
        super().__init__(f"the store ends at {length}")
        self.length = length


class Shipper:
    """One log on its way. The store being away delays it and never fails it."""

    def __init__(self, sink: LogSink, step: int, mask: Mask, clock: Callable[[], datetime]) -> None:
        self._sink = sink
        self._step = step
        self._mask = mask
        self._clock = clock
        self._offset = 0
        """What the store has acknowledged."""
        self._skip = 0
        """Bytes from here on that the store has already."""
        self._quiet_until = 0.0

    async def ship(self, source: Source, *, resume: bool = False, linger: float = 0.0) -> None:
        """Ship *source* to its end; with *resume* go on where the store ends.

        The first bytes wait *linger* seconds for company.
        """
        self._quiet_until = anyio.current_time() + linger
        start = await self._stored() if resume else 0
        while True:
            try:
                return await self._pass(source, start)
            except LogGap as gap:
                log.warning("log store has lost bytes, going back", step=self._step, length=gap.length)
                start = gap.length
                await _pause(_FIRST_PAUSE)

    async def _pass(self, source: Source, start: int) -> None:
        """Ship all from *start* on. What is masked is masked again from the very beginning."""
        stream = self._mask.stream()
        at = 0 if self._mask else start
        self._offset, self._skip = start, start - at
        while True:
            progress = await self._worthwhile(source, at)
            size = progress.size
            while at < size and (data := await source.read(at, min(LARGEST, size - at))):
                if at == source.torn_at:
                    stream.drop()
                await self._append(*self._masked(stream, data, source.seen(at, at + len(data))))
                at += len(data)
            if progress.ended:
                return await self._append(stream.finish(), self._just_now())
            if at < size:  # the pod is about to be lost and has taken these bytes with it
                await source.grown(size)

    async def _worthwhile(self, source: Source, at: int) -> Progress:
        """Wait for the first byte, then for a batch, the end, or as long as a reader may wait."""
        progress = await source.grown(at)
        if not progress.ended and progress.size - at < BATCH:
            with anyio.move_on_after(self._quiet_until - anyio.current_time()):
                await source.grown(at + BATCH - 1)
            progress = await source.grown(at)
        return progress

    def _masked(
        self, stream: MaskedStream, data: bytes, marks: tuple[Mark, ...]
    ) -> tuple[bytes, tuple[Mark, ...]]:
        """What to show of *data*, and when its first byte there was seen: masking moves what it shortens."""
        marks = thinned(marks or self._just_now(), MOST_AT_ONCE)
        ends = [*(mark.offset for mark in marks[1:]), len(data)]
        seen: list[Mark] = []
        shown, start = bytearray(), 0
        for mark, end in zip(marks, ends, strict=True):
            if not seen or seen[-1].offset < len(shown):
                seen.append(Mark(len(shown), mark.at))
            shown += stream.feed(data[start:end])
            start = end
        return bytes(shown), tuple(seen)

    def _just_now(self) -> tuple[Mark, ...]:
        return (Mark(0, int(self._clock().timestamp() * 1000)),)

    async def _append(self, data: bytes, seen: tuple[Mark, ...]) -> None:
        at = min(self._skip, len(data))
        self._skip -= at
        while at < len(data):
            piece = data[at : at + LARGEST]
            of_piece = between(seen, at, at + len(piece))
            call = partial(self._sink.append, self._step, self._offset, piece, of_piece)
            stored = await self._insist(call)
            if stored < self._offset + len(piece):
                raise LogGap(stored)
            at += len(piece)
            self._offset += len(piece)
            self._quiet_until = anyio.current_time() + LINGER

    async def _stored(self) -> int:
        return await self._insist(partial(self._sink.end, self._step))

    async def _insist(self, call: Callable[[], Awaitable[int]]) -> int:
        """Ask until there is an answer."""
        pause = _FIRST_PAUSE
        while True:
            try:
                with anyio.fail_after(_CALL_LIMIT):
                    return await call()
            except (BadRequest, TooLarge, Fenced, LogGap):
                raise
            except (Failure, OSError) as error:
                log.warning("log store is away, trying again", step=self._step, error=str(error))
            except Exception:  # whatever is wrong on the way to the store, the log is not
                log.exception("log store cannot be asked, trying again", step=self._step)
            await _pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _pause(seconds: float) -> None:
    await anyio.sleep(random.uniform(seconds / 2, seconds))  # noqa: S311 - jitter
