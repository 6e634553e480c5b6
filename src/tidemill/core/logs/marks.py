"""When the bytes of a log were printed, told by marks: from this byte on, seen at this time.

A mark holds until the next one. There are as many as somebody looked at the output, so times are as
coarse as that; bytes before the first mark have none.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

#: Marks of a whole log at most; of a longer one every second, third, … is kept.
MOST_OF_LOG = 4096
#: Those of a part of a growing log, and of what is added to it at once.
MOST_OF_PART, MOST_AT_ONCE = 512, 32
#: Of a number; then no time is later than the year 5138.
_DIGITS = 14


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """From *offset* on, seen at so many milliseconds of the epoch."""

    offset: int
    at: int


_decode = msgspec.msgpack.Decoder(tuple[Mark, ...]).decode


def encode(marks: Sequence[Mark]) -> bytes:
    """Marks as they are stored."""
    return msgspec.msgpack.encode(marks)


def decode(stored: bytes | None) -> tuple[Mark, ...]:
    """The marks that are stored so; none where nothing is."""
    return _decode(stored) if stored else ()


def spelt(marks: Sequence[Mark]) -> str:
    """Marks as a text that can stand in an address: offsets and times, `0-1764000000000,17-1764000000100`."""
    return ",".join(f"{mark.offset}-{mark.at}" for mark in marks)


def read(text: str, length: int) -> tuple[Mark, ...]:
    """Marks of so many bytes, from such a text; ValueError where it is not one."""
    if not text:
        return ()
    marks = tuple(_mark(pair) for pair in text.split(",", MOST_AT_ONCE))
    offsets = [mark.offset for mark in marks]
    if offsets != sorted(set(offsets)) or offsets[-1] >= max(length, 1) or len(marks) > MOST_AT_ONCE:
        raise ValueError("the marks are not in order, too many, or behind the end")
    return marks


def _mark(text: str) -> Mark:
    offset, _, at = text.partition("-")
    return Mark(_number(offset), _number(at))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _DIGITS:
        raise ValueError(f"{text!r} is no offset and no time")
    return int(text)


def thinned(marks: Sequence[Mark], most: int) -> tuple[Mark, ...]:
    """At most so many of them, the first among them."""
    return tuple(marks[:: -(-len(marks) // most)] if len(marks) > most else marks)


def moved(marks: Iterable[Mark], by: int) -> tuple[Mark, ...]:
    """As they are where everything stands *by* bytes further on."""
    return tuple(Mark(mark.offset + by, mark.at) for mark in marks)


def between(marks: Sequence[Mark], start: int, end: int) -> tuple[Mark, ...]:
    """What they say of the bytes from *start* to *end*, as if *start* were the beginning."""
    first = max(bisect_right(marks, start, key=_offset) - 1, 0)
    last = bisect_right(marks, end - 1, key=_offset)
    return tuple(Mark(max(mark.offset - start, 0), mark.at) for mark in marks[first:last])


def seen_at(marks: Sequence[Mark], offset: int) -> int | None:
    """When the byte at *offset* was seen; None where that is not known."""
    found = bisect_right(marks, offset, key=_offset)
    return marks[found - 1].at if found else None


def first_since(marks: Sequence[Mark], at: int) -> int | None:
    """The first byte that was seen at a time or later; None when all were seen before.

    What has no time may be that late.
    """
    if not marks or (marks[0].offset and marks[0].at >= at):
        return 0
    return next((mark.offset for mark in marks if mark.at >= at), None)


def _offset(mark: Mark) -> int:
    return mark.offset
