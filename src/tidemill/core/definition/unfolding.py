"""A task as it is written becomes one task, or one for each combination of its matrix."""

import msgspec

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import Fault, Path
from tidemill.core.definition.fields import Fields, fields_of
from tidemill.core.definition.keys.task import TASK
from tidemill.core.definition.matrix import Combination, Matrix, read_matrix
from tidemill.core.definition.nouns import TaskDefinition
from tidemill.core.definition.substitution import (
    TooMuch,
    check_placeholders,
    count_values,
    placeholders,
    replaced,
)
from tidemill.core.definition.tasks import check_name, read_task


class WrittenTask(msgspec.Struct, frozen=True, kw_only=True):
    """One element of a run's `tasks`, and what it stands for."""

    place: Cursor
    fields: Fields
    name: str
    """As it is written; all combinations of a matrix are known by it."""
    tasks: tuple[TaskDefinition, ...] = ()
    excluded: tuple[str, ...] = ()
    """Names of the combinations that its matrix excludes."""


def read_written(cursor: Cursor) -> WrittenTask | None:
    """The task at *cursor*, unfolded; None after complaining that there is none."""
    if cursor.is_null:
        cursor.complain(f"the task at index {cursor.key} is empty")
        return None
    fields = fields_of(cursor, TASK)
    if fields is None:
        return None
    name = fields["name"].text()
    if not fields.has("matrix"):
        check_name(fields["name"], name, "task", cursor)
        if not cursor.findings.is_agola:
            _warn_of_placeholders(cursor)
        return WrittenTask(place=cursor, fields=fields, name=name, tasks=(read_task(fields),))
    matrix = read_matrix(fields["matrix"])
    if matrix is not None and not _may_unfold(cursor, fields["matrix"], matrix):
        matrix = None
    if matrix is None:
        return _folded(cursor, fields, name)
    return _unfolded(cursor, fields, name, matrix)


def _warn_of_placeholders(task: Cursor) -> None:
    """A shell would take what is left in place for a variable with a wrong name."""
    for place in placeholders(task):
        place.warn("a `${matrix.…}` is left as it stands: the task has no `matrix`")


def _may_unfold(task: Cursor, place: Cursor, matrix: Matrix) -> bool:
    """Whether the matrix is within what one configuration may ask for; complains otherwise."""
    findings = task.findings
    count = len(matrix.combinations)
    if not findings.matrix_tasks.take(count + len(matrix.excluded)):
        most = findings.matrix_tasks.most
        place.complain(f"the matrices of the configuration make more than {most} tasks", at_key=True)
        return False
    own = {key: value for key, value in task.data.items() if key.lower() != "matrix"}
    if not findings.matrix_values.take(count * count_values(own)):
        most = findings.matrix_values.most
        place.complain(f"the matrices of the configuration make more than {most} values", at_key=True)
        return False
    return True


def _folded(cursor: Cursor, fields: Fields, name: str) -> WrittenTask:
    """The task as written, for what else is wrong with it; strings with placeholders may be anything."""
    findings = cursor.findings
    check_name(fields["name"], name, "task", cursor)
    unknown = check_placeholders(cursor, None)
    outer, findings.faults = findings.faults, []
    task = read_task(fields, base=name)
    findings.faults = outer + [fault for fault in findings.faults if fault.path not in unknown]
    return WrittenTask(place=cursor, fields=fields, name=name, tasks=(task,))


def _unfolded(cursor: Cursor, fields: Fields, name: str, matrix: Matrix) -> WrittenTask:
    findings = cursor.findings
    check_placeholders(cursor, matrix)
    collected = (_OnceEach(findings.faults), _OnceEach(findings.warnings))
    tasks = []
    data = {key: value for key, value in cursor.data.items() if key.lower() != "matrix"}
    try:
        for suffix, combination in matrix.combinations:
            filled = cursor.with_data(replaced(data, combination, findings))
            tasks.append(_combination(filled, name, suffix, combination))
            for found in collected:
                found.take()
        excluded = [
            _named(str(replaced(name, combination, findings)), name, suffix)
            for suffix, combination in matrix.excluded
        ]
    except TooMuch:
        message = "its placeholders make too much text: shorten the values, or use fewer placeholders"
        fields["matrix"].complain(message, at_key=True)
        return WrittenTask(place=cursor, fields=fields, name=name)
    return WrittenTask(
        place=cursor, fields=fields, name=name, tasks=tuple(tasks), excluded=tuple(excluded) if name else ()
    )


def _combination(cursor: Cursor, base: str, suffix: str, combination: Combination) -> TaskDefinition:
    fields = Fields(cursor, TASK)
    name = _named(fields["name"].text(), base, suffix)
    check_name(fields["name"], name, "task", cursor)
    return read_task(fields, base=base, name=name, matrix=combination)


def _named(name: str, base: str, suffix: str) -> str:
    """A name that holds placeholders tells combinations apart by itself."""
    return f"{name} {suffix}" if name == base and name else name


class _OnceEach:
    """Of what is found for one combination after the other, only the first at each place is kept."""

    def __init__(self, found: list[Fault]) -> None:
        self._found = found
        self._begin = len(found)
        self._seen: set[tuple[Path, bool]] = set()

    def take(self) -> None:
        """Forget what was found again since the last time."""
        fresh = self._found[self._begin :]
        kept = [fault for fault in fresh if (fault.path, fault.at_key) not in self._seen]
        self._seen |= {(fault.path, fault.at_key) for fault in fresh}
        self._found[self._begin :] = kept
        self._begin = len(self._found)
