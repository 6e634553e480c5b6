"""Where the bytes, lines and times of a log stand, whichever form it has."""

from collections.abc import Sequence

import msgspec

from tidemill.core.logs.marks import Mark, between, decode, moved
from tidemill.kit.db import Snapshot
from tidemill.services.runservice.logs.blocks import BlockIndex, decode_index
from tidemill.services.runservice.store import logs
from tidemill.services.runservice.store.logs import Head, LogId


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a log that are read together."""

    start: int
    length: int
    lines: int | None
    """Newlines in it; None where they were never counted."""
    marks: tuple[Mark, ...]
    """When they were printed, counted from the beginning of the log."""

    @property
    def end(self) -> int:
        return self.start + self.length


async def layout(
    tx: Snapshot, id: LogId, head: Head, start: int = 0, end: int | None = None
) -> tuple[Stretch, ...]:
    """The stretches that hold what stands from *start* to *end*, in order."""
    if head.object is not None:
        return _of_blocks(decode_index(head.blocks), head.length, start, end)
    return tuple(
        Stretch(
            start=part.start,
            length=part.length,
            lines=part.lines,
            marks=moved(decode(part.marks), part.start),
        )
        for part in await logs.outline(tx, id, start, end)
    )


def times(stretches: Sequence[Stretch]) -> list[Mark]:
    """The marks of all of them, each once."""
    return list(dict.fromkeys(mark for stretch in stretches for mark in stretch.marks))


def _of_blocks(index: BlockIndex, length: int, start: int, end: int | None) -> tuple[Stretch, ...]:
    first = start // index.block
    last = len(index.sizes) if end is None else -(-end // index.block)
    stretches = []
    for number in range(first, min(last, len(index.sizes))):
        at = number * index.block
        until = min(at + index.block, length)
        marks = moved(between(index.marks, at, until), at)
        lines = index.lines[number]
        stretches.append(Stretch(start=at, length=until - at, lines=lines, marks=marks))
    return tuple(stretches)
