"""Output for people where there is a person, JSON where there is a program."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

Format = Literal["table", "json"]
#: No column of a table is cut to less.
_NARROWEST = 8
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
    is_terminal = sys.stdout.isatty()
    now = datetime.now(UTC) if is_terminal else None
    cells = [[_cell(row.get(name), now) for name in columns.values()] for row in rows]
    _table([list(columns), *cells], shutil.get_terminal_size().columns if is_terminal else None)


def show_listed(
    answer: Any, format: Format | None, lines: Iterable[str], *, columns: Mapping[str, str] | None = None
) -> None:
    """Print *answer* as `show` does; a program that asks for no format gets *lines*, which are Agola's."""
    if format or sys.stdout.isatty():
        show(answer, format or "table", columns=columns)
        return
    for line in lines:
        sys.stdout.write(f"{inert(line)}\n")


def show_done(
    sentence: str, answer: Any, format: Format | None, *, columns: Mapping[str, str] | None = None
) -> None:
    """Say what was done: people see the *answer*; without one, and as Agola's client does, stderr says it."""
    if answer is not None and (format or sys.stdout.isatty()):
        show(answer, format or "table", columns=columns)
    elif format != "json":
        print(inert(sentence), file=sys.stderr)


def tabbed(answer: Any) -> str:
    """JSON as Agola's client prints it: indented by tabs, with the escapes of Go."""
    text = json.dumps(msgspec.to_builtins(answer), indent="\t", ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _table(lines: Sequence[Sequence[str]], room: int | None) -> None:
    """Print *lines* in columns; the widest ones are cut where a terminal has no *room* for them."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    while room is not None and sum(widths) + 2 * len(widths) - 2 > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    for line in lines:
        cells = [_cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cell(value: Any, now: datetime | None) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(part, now) for part in value) or "-"
    text = " ".join(inert(str(value)).split())
    if len(text) > 19 and text[4:5] == "-" and text[10:11] == "T":
        at = time_of(text)
        return age(at, now) if at and now else text[:19].replace("T", " ")
    return text


def time_of(text: str | None) -> datetime | None:
    """A moment as the public API writes it."""
    return msgspec.convert(text, datetime) if text else None


def age(moment: datetime, now: datetime) -> str:
    """How long ago, for people, in the one unit that fits."""
    seconds = max((now - moment).total_seconds(), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


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


def print_no_more() -> None:
    """Let nothing be written to stdout any more, not even at interpreter exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
