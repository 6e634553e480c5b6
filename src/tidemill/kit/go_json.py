"""JSON and times as Go's encoder writes them, byte for byte, for whoever signs or compares bytes."""

from datetime import UTC, datetime
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
#: What Go writes escaped inside strings, lest JSON in a page is taken for HTML.
_ESCAPED = (
    (b"&", b"\\u0026"),
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


def encode(value: Any) -> bytes:
    """Compact JSON with `<`, `>` and `&` escaped; they stand nowhere but in strings."""
    data = _encode(value)
    for plain, escaped in _ESCAPED:
        if plain in data:
            data = data.replace(plain, escaped)
    return data


def go_time(moment: datetime | None) -> str | None:
    """RFC 3339 as Go writes it: without trailing zeros in the fraction, UTC as `Z`."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06}".rstrip("0").rstrip(".")
    return f"{utc.replace(tzinfo=None, microsecond=0).isoformat()}{fraction}Z"
