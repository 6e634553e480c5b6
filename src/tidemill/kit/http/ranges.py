"""Parts of what is downloaded, as browsers and tools ask for them (RFC 9110, sections 13.1 and 14)."""

import re
from urllib.parse import quote

_ONE_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_OUTSIDE_OF_TOKENS = re.compile(r"[^A-Za-z0-9 ._+()-]")


class Unsatisfiable(Exception):
    """Nothing of what was asked for is there: 416."""


def asked_range(text: str, size: int) -> tuple[int, int] | None:
    """Start and end of the only range that a Range header asks for; None when all of it is to be answered.

    Several ranges, other units and what cannot be read are ignored, as every server may do.
    """
    found = _ONE_RANGE.fullmatch(text)
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return start, end


def names_tag(header: str, tag: str) -> bool:
    """Whether an If-None-Match header names *tag*."""
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in header.split(","))


def disposition(name: str) -> str:
    """The header that makes a download of an answer, to be saved under *name* (RFC 6266, RFC 8187)."""
    plain = _OUTSIDE_OF_TOKENS.sub("_", name)
    full = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return f'attachment; filename="{plain}"{full}'
