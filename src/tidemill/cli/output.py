"""Output for people where there is a person, JSON where there is a program."""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

Format = Literal["table", "json"]
# What a stranger's text may do to a terminal stops here: escape sequences, control characters, directions.
_ESCAPES = re.compile(
    r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def inert(text: str) -> str:
    """*text* without anything that could move a cursor, set a colour or turn the reading direction."""
    return _DIRECTIONS.sub("", _ESCAPES.sub("", text))


def show(answer: Any, format: Format, *, columns: Mapping[str, str] | None = None) -> None:
    """Print *answer*: as JSON, or as a table of *columns* (heading to attribute), or as lines.

    A table is meant for eyes and has no stable form; programs ask for `-o json`.
    """
    if format == "json":
        text = msgspec.json.format(msgspec.json.encode(answer), indent=2)
        sys.stdout.write(text.decode() + "\n")
        return
    plain = msgspec.to_builtins(answer)
    rows = plain if isinstance(plain, list) else [plain]
    if not rows and columns is None:
        return
    columns = columns or {name.upper().replace("_", " "): name for name in (rows[0] if rows else {})}
    _table(list(columns), [[_cell(row.get(name)) for name in columns.values()] for row in rows])


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[i]) for line in [headings, *rows]) for i in range(len(headings))]
    for line in [headings, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(part) for part in value) or "-"
    text = " ".join(inert(str(value)).split())
    if len(text) > 19 and text[4:5] == "-" and text[10:11] == "T":
        return text[:19].replace("T", " ")
    return text


def duration(started: datetime | None, ended: datetime | None, now: datetime | None = None) -> str:
    """How long from *started* to *ended* (or *now*), for people: `340 ms`, `12.3 s`, `4 m 05 s`."""
    if started is None:
        return ""
    seconds = max(((ended or now or datetime.now(UTC)) - started).total_seconds(), 0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02} s"
