"""The matrix of a task: axes, what is included, what is excluded, and the combinations that they make."""

import re
from itertools import product

import msgspec

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import listed, shown
from tidemill.core.definition.fields import fields_of
from tidemill.core.definition.keys.task import AXIS, MATRIX

MOST_COMBINATIONS = 256
_VERY_MANY = 1_000_000

Combination = dict[str, str]
"""A value for each axis."""

_AXIS = re.compile(AXIS)


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """The combinations that tasks are made for, with the words that name each, and the excluded ones."""

    axes: dict[str, None]
    """Every name that some combination has, in the order in which they come."""
    combinations: tuple[tuple[str, Combination], ...] = ()
    excluded: tuple[tuple[str, Combination], ...] = ()


def read_matrix(cursor: Cursor) -> Matrix | None:
    """The matrix that stands there; None after complaining about a wrong one."""
    faults = len(cursor.findings.faults)
    fields = fields_of(cursor, MATRIX)
    if fields is None:
        return None
    axes = _axes(fields["axes"])
    include = _entries(fields["include"])
    exclude = _entries(fields["exclude"])
    _check_excluded_axes(exclude, axes)
    count = _count(axes)
    if not axes and not include and len(cursor.findings.faults) == faults:
        cursor.complain("`matrix` needs `axes`: write `axes: {python: ['3.11', '3.12']}`")
    elif count > MOST_COMBINATIONS:
        shown_count = count if count < _VERY_MANY else f"more than {_VERY_MANY}"
        cursor.complain(f"the matrix has {shown_count} combinations; there may be {MOST_COMBINATIONS}")
    if len(cursor.findings.faults) > faults:
        return None
    return _combined(cursor, axes, include, exclude)


def _axes(cursor: Cursor) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    variables: dict[str, str] = {}
    for axis in cursor.entries():
        _check_axis(axis, variables)
        values: dict[str, None] = {}
        for item in axis.items():
            value = item.word()
            if value in values and isinstance(item.data, str | bool | int):
                item.complain(f"the axis {shown(axis.key)} has {shown(value)} twice")
            values[value] = None
        if axis.data in (None, []):
            axis.complain(f"the axis {shown(axis.key)} has no values: write a list of them")
        found[axis.key] = tuple(values)
    return found


def _check_axis(axis: Cursor, variables: dict[str, str]) -> None:
    variable = axis.key.upper().replace("-", "_")
    if not _AXIS.fullmatch(axis.key):
        rule = "letters, digits, `_` and `-`, a letter or `_` first"
        axis.complain(f"{shown(axis.key)} cannot be the name of an axis: write {rule}", at_key=True)
    elif variables.setdefault(variable, axis.key) != axis.key:
        other = shown(variables[variable])
        axis.complain(f"the axes {other} and {shown(axis.key)} would both be MATRIX_{variable}", at_key=True)


def _entries(cursor: Cursor) -> list[tuple[Cursor, Combination]]:
    items = cursor.items()
    if len(items) > MOST_COMBINATIONS:
        cursor.complain(f"`{cursor.key}` has {len(items)} entries; there may be {MOST_COMBINATIONS}")
        return []
    found = []
    for item in items:
        if not item.data and isinstance(item.data, dict | None):
            item.complain(f"an entry of `{cursor.key}` is empty: write values by the names of their axes")
        elif item.is_mapping(f"an entry of `{cursor.key}`"):
            variables: dict[str, str] = {}
            for axis in item.entries():
                _check_axis(axis, variables)
            found.append((item, {axis.key: axis.word() for axis in item.entries()}))
    return found


def _check_excluded_axes(exclude: list[tuple[Cursor, Combination]], axes: dict[str, tuple[str, ...]]) -> None:
    for item, entry in exclude:
        for name, value in entry.items():
            place = item.at(name, value)
            if name not in axes:
                near = place.findings.nearest(name, axes) or f": there are {listed(axes)}"
                place.complain(f"unknown axis {shown(name)}{near}", at_key=True)
            elif value not in axes[name]:
                near = place.findings.nearest(value, axes[name])
                place.warn(f"the axis {shown(name)} has no {shown(value)}: nothing is excluded{near}")


def _combined(
    cursor: Cursor,
    axes: dict[str, tuple[str, ...]],
    include: list[tuple[Cursor, Combination]],
    exclude: list[tuple[Cursor, Combination]],
) -> Matrix | None:
    count = _count(axes)
    if not cursor.findings.matrix_comparisons.take(count * (len(include) + len(exclude))):
        cursor.complain("the matrices of the configuration include and exclude too much: use fewer entries")
        return None
    every = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    left_out = [entry for _, entry in exclude]
    made = [one for one in every if not any(_agree(one, entry) for entry in left_out)]
    excluded = [one for one in every if any(_agree(one, entry) for entry in left_out)]
    whole = [dict(one) for one in made]
    added: list[Combination] = []
    for item, entry in include:
        shared = {name: value for name, value in entry.items() if name in axes}
        agreeing = [number for number, one in enumerate(made) if _agree(one, shared)]
        if entry in added:
            item.complain("this combination is included twice: leave one of them out")
        elif not agreeing:
            added.append(entry)
        for number in agreeing:
            whole[number].update(entry)
    if not whole and not added:
        cursor.complain("`exclude` leaves no combination: leave the task out instead")
    if len(whole) + len(added) > MOST_COMBINATIONS:
        total = len(whole) + len(added)
        cursor.complain(f"the matrix has {total} combinations; there may be {MOST_COMBINATIONS}")
        return None
    names = [_name(one) for one in (*made, *added)]
    return Matrix(
        axes=dict.fromkeys(name for one in (*every, *whole, *added) for name in one),
        combinations=tuple(zip(names, (*whole, *added), strict=True)),
        excluded=tuple((_name(one), one) for one in excluded),
    )


def _count(axes: dict[str, tuple[str, ...]]) -> int:
    """How many combinations there are, or a number that is more than very many."""
    count = 1 if axes else 0
    for values in axes.values():
        count *= len(values)
        if count > _VERY_MANY:
            break
    return count


def _agree(combination: Combination, entry: Combination) -> bool:
    return all(combination[name] == value for name, value in entry.items())


def _name(combination: Combination) -> str:
    return f"({', '.join(f'{axis}={value}' for axis, value in combination.items())})"
