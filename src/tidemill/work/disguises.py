"""The forms in which a secret may turn up in a log: as it is, encoded, escaped, line by line."""

import base64
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

#: A shorter value is never masked: it would blot out half of every log and hide nothing.
SHORTEST = 4

#: Columns at which common tools break what they encode: `xxd -p`, `openssl base64`, `base64`.
_WIDTHS = (60, 64, 76)


def is_too_short(value: str) -> bool:
    """Whether *value* is something, and stands in logs as it is."""
    return 0 < len(value.strip().encode()) < SHORTEST


def disguises(value: str) -> set[bytes]:
    """Every form of *value* to be masked; empty when it is too short to be a secret."""
    if len(value.strip().encode()) < SHORTEST:
        return set()
    return {form for form in _forms(value) if len(form) >= SHORTEST}


def _forms(value: str) -> Iterator[bytes]:
    yield from _texts(value)
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield value.strip().replace("\r\n", "\n").replace("\n", "\r\n").encode()
        for line in lines:
            if len(line.encode()) >= SHORTEST:
                yield from _texts(line)
    raw = value.encode()
    stripped = value.strip().encode()
    for whole in {raw, stripped, stripped + b"\n"}:
        yield from _encoded(whole)


def _texts(value: str) -> Iterator[bytes]:
    """Forms that are still text, and those of quoting and escaping."""
    text = value.strip()
    yield text.encode()
    for escaped in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield escaped.encode()
        yield _lower_percent(escaped).encode()
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped.encode()
        yield escaped.replace("/", "\\/").encode()
    yield text.replace("'", "'\\''").encode()
    yield text.replace("'", "'\"'\"'").encode()


def _lower_percent(escaped: str) -> str:
    parts = escaped.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _encoded(raw: bytes) -> Iterator[bytes]:
    """Base64 at each of the three alignments, and hexadecimal, in one piece and broken into lines."""
    for digits in (raw.hex(), raw.hex().upper()):
        yield from _broken(digits.encode())
    for whole in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield from _broken(whole)
        yield whole.rstrip(b"=")
    for before in range(3):
        yield _base64_inside(raw, before, base64.b64encode)
        yield _base64_inside(raw, before, base64.urlsafe_b64encode)


def _base64_inside(raw: bytes, before: int, encode: Callable[[bytes], bytes]) -> bytes:
    """The digits that *raw* alone decides when *before* (modulo 3) bytes stand in front of it."""
    digits = encode(b"\0" * before + raw)
    first = (before * 8 + 5) // 6
    last = (before + len(raw)) * 8 // 6
    return digits[first:last]


def _broken(digits: bytes) -> Iterator[bytes]:
    yield digits
    for width in _WIDTHS:
        if len(digits) > width:
            yield from (digits[at : at + width] for at in range(0, len(digits), width))
