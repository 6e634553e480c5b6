"""The values of a combination are put into the strings of a task, before the task is read."""

import re
from collections.abc import Iterator
from typing import Any

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import Path, listed, shown
from tidemill.core.definition.findings import Findings
from tidemill.core.definition.matrix import Combination, Matrix

_BEGIN = "${matrix."
_PLACEHOLDER = re.compile(r"\$\{matrix\.([^}]*)(\}?)")
_MOST_DEPTH = 200


class TooMuch(Exception):
    """What the placeholders would be replaced by is too long, or too deeply nested."""


def replaced(data: Any, combination: Combination, findings: Findings, depth: int = 0) -> Any:
    """*data* with `${matrix.axis}` replaced; what holds none is the same object. Raises TooMuch."""
    if isinstance(data, str):
        return _text(data, combination, findings) if _BEGIN in data else data
    if not isinstance(data, list | dict):
        return data
    if depth > _MOST_DEPTH:
        raise TooMuch
    if isinstance(data, list):
        items = [replaced(item, combination, findings, depth + 1) for item in data]
        return data if all(new is old for new, old in zip(items, data, strict=True)) else items
    return {key: replaced(value, combination, findings, depth + 1) for key, value in data.items()}


def _text(text: str, combination: Combination, findings: Findings) -> str:
    longest = max(map(len, combination.values()), default=0)
    if not findings.matrix_characters.take(len(text) + text.count(_BEGIN) * longest):
        raise TooMuch
    return _PLACEHOLDER.sub(lambda found: combination.get(found[1], ""), text)


def placeholders(cursor: Cursor) -> Iterator[Cursor]:
    """Every string at or below *cursor* that holds a placeholder."""
    pending = [cursor]
    while pending:
        here = pending.pop()
        if isinstance(here.data, str):
            if _BEGIN in here.data:
                yield here
        elif isinstance(here.data, dict):
            pending.extend(here.entries())
        elif isinstance(here.data, list):
            pending.extend(here.items())


def check_placeholders(task: Cursor, matrix: Matrix | None) -> set[Path]:
    """Where placeholders stand; complains about those that name no axis of the matrix, if it is known."""
    paths = set()
    for place in placeholders(task):
        paths.add(place.path)
        for found in _PLACEHOLDER.finditer(place.data) if matrix else ():
            name, end = found.groups()
            if not end:
                place.complain(f"{shown(found.group())} has no `}}`: close it")
            elif matrix and name not in matrix.axes:
                near = place.findings.nearest(name, matrix.axes)
                there_are = f": there are {listed(matrix.axes)}"
                place.complain(f"unknown axis {shown(name)}{near or there_are}")
    return paths


def count_values(data: Any) -> int:
    """How many values *data* holds, itself included."""
    count = 0
    pending = [data]
    while pending:
        here = pending.pop()
        count += 1
        if isinstance(here, dict):
            pending.extend(here.values())
        elif isinstance(here, list):
            pending.extend(here)
    return count
