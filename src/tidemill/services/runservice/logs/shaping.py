"""The bytes of a log on their way to a reader: the wanted ones alone, if wanted with times before lines."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from tidemill.contracts.logs import LogRange
from tidemill.core.logs.lines import NEWLINE, behind_newline
from tidemill.core.logs.marks import Mark
from tidemill.services.runservice.logs.finding import Start

#: In the place of a time that is not known.
UNKNOWN = b" " * 25


async def cut(
    blocks: AsyncGenerator[bytes], start: Start, wanted: LogRange
) -> AsyncGenerator[tuple[int, bytes]]:
    """What is wanted of *blocks*, which begin at *start*: each with the place where it stands."""
    at, skip = start.offset, start.newlines
    limit, lines = wanted.get("limit", -1), wanted.get("lines", -1)
    async with aclosing(blocks):
        async for whole in blocks:
            behind = _behind(whole, skip) if skip else 0
            skip = max(skip - whole.count(NEWLINE), 0) if skip else 0
            block = whole[behind:]
            if limit > 0:
                block = block[:limit]
                limit -= len(block)
            if lines > 0:
                shown = block[: _behind(block, lines)]
                lines = max(lines - shown.count(NEWLINE), 0)
                block = shown
            if block:
                yield at + behind, block
            at += len(whole)
            if 0 in (limit, lines):
                return


async def plain(pieces: AsyncGenerator[tuple[int, bytes]]) -> AsyncIterator[bytes]:
    """The bytes alone."""
    async with aclosing(pieces):
        async for _, block in pieces:
            yield block


async def stamped(
    pieces: AsyncGenerator[tuple[int, bytes]],
    marks_of: Callable[[int, int], Awaitable[Sequence[Mark]]],
) -> AsyncIterator[bytes]:
    """The bytes with a time before each line; *marks_of* knows those between two places."""
    is_fresh = True
    async with aclosing(pieces):
        async for at, block in pieces:
            shown = bytearray()
            for stamp, segment in _segments(block, await marks_of(at, at + len(block))):
                shown += _stamp(stamp, segment, is_fresh=is_fresh)
                is_fresh = segment.endswith(NEWLINE)
            yield bytes(shown)


def _segments(block: bytes, marks: Sequence[Mark]) -> list[tuple[bytes, bytes]]:
    """The parts of a block that have the same time, each with that as text."""
    stamps = [(mark.offset, _text(mark.at)) for mark in marks]
    if not marks or marks[0].offset:
        stamps.insert(0, (0, UNKNOWN))
    ends = [*(offset for offset, _ in stamps[1:]), len(block)]
    return [
        (stamp, block[offset:end]) for (offset, stamp), end in zip(stamps, ends, strict=True) if offset < end
    ]


def _stamp(stamp: bytes, segment: bytes, *, is_fresh: bool) -> bytes:
    last = len(segment) - segment.endswith(NEWLINE)
    body = segment[:last].replace(NEWLINE, NEWLINE + stamp) + segment[last:]
    return stamp + body if is_fresh else body


def _text(at: int) -> bytes:
    moment = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return moment.removesuffix("+00:00").encode() + b"Z "


def _behind(block: bytes, newlines: int) -> int:
    """The place behind so many newlines; the end where there are fewer."""
    return behind_newline(block, newlines) if block.count(NEWLINE) >= newlines else len(block)
