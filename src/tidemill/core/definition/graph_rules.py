"""Rules of a run's graph: every edge leads to a task, none leads back, none says what another says.

A task with a matrix is known by its name as written, which means all of its combinations, and each
combination by its own.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from msgspec.structs import replace

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import shown
from tidemill.core.definition.nouns import TaskDefinition
from tidemill.core.definition.unfolding import WrittenTask
from tidemill.core.graph import cycles, redundant_edges
from tidemill.core.plan import Depend

_MOST_REDUNDANT = 1_000


def joined(run: str, written: list[WrittenTask], *, is_whole: bool) -> tuple[TaskDefinition, ...]:
    """The tasks of *written*, each depending on tasks by their own names; complains at wrong edges.

    Where not *is_whole* some task could not be read, and an edge may lead to that one.
    """
    tasks = tuple(task for one in written for task in one.tasks)
    known = _known(written)
    if len({task.name for task in tasks}) < len(tasks):
        return tasks  # two tasks have one name, which is complained about elsewhere
    _check_known(run, written, known, is_whole=is_whole)
    if not _may_join(written, known):
        return tasks
    edges = _Edges(known)
    found = tuple(
        replace(task, depends=edges.joined(task.depends)) if task.depends else task for task in tasks
    )
    _check_graph(found, _Places(written, known))
    return found


def _known(written: list[WrittenTask]) -> dict[str, tuple[str, ...]]:
    """The names of tasks that each name means."""
    known: dict[str, tuple[str, ...]] = {}
    for one in written:
        known |= {task.name: (task.name,) for task in one.tasks if task.name}
    known |= {one.name: tuple(task.name for task in one.tasks) for one in written if one.name}
    return known


def _edges(task: WrittenTask) -> Iterator[tuple[Cursor, set[str]]]:
    """The edges of a task as written, each with the names that its combinations have there."""
    for index, place in enumerate(task.fields["depends"].items()):
        yield place, {one.depends[index].task for one in task.tasks}


def _check_known(
    run: str, written: list[WrittenTask], known: dict[str, tuple[str, ...]], *, is_whole: bool
) -> None:
    excluded = {name for one in written for name in one.excluded}
    for task in written:
        for place, names in _edges(task):
            unknown = next((name for name in sorted(names) if name and name not in known), None)
            if unknown is None or not (is_whole or unknown in excluded):
                continue
            if unknown in excluded:
                why = "which is excluded by a matrix"
            else:
                others = known.keys() - {task.name}
                why = f"which is not a task of run {shown(run)}{place.findings.nearest(unknown, others)}"
            place.complain(f"task {shown(task.name)} depends on {shown(unknown)}, {why}")


def _may_join(written: list[WrittenTask], known: dict[str, tuple[str, ...]]) -> bool:
    """Whether the edges of matrices are within what one configuration may ask for; complains otherwise."""
    for task in written:
        for place, names in _edges(task):
            each = max((len(known.get(name, ())) for name in names), default=0)
            count = each * len(task.tasks)
            if count > 1 and not place.findings.matrix_edges.take(count):
                most = place.findings.matrix_edges.most
                place.complain(f"the matrices of the configuration make more than {most} dependencies")
                return False
    return True


class _Edges:
    """Edges by the names of tasks; equal ones are made once, since a matrix has very many."""

    def __init__(self, known: dict[str, tuple[str, ...]]) -> None:
        self._known = known
        self._made: dict[tuple[Depend, ...], tuple[Depend, ...]] = {}
        self._ones: dict[Depend, tuple[Depend, ...]] = {}

    def joined(self, depends: tuple[Depend, ...]) -> tuple[Depend, ...]:
        made = self._made.get(depends)
        if made is None:
            made = tuple(chain.from_iterable(self._of(one) for one in depends))
            self._made[depends] = made
        return made

    def _of(self, depend: Depend) -> tuple[Depend, ...]:
        found = self._ones.get(depend)
        if found is None:
            names = self._known.get(depend.task, ())
            found = (
                (depend,)
                if names == (depend.task,)
                else tuple(Depend(task=name, conditions=depend.conditions) for name in names)
            )
            self._ones[depend] = found
        return found


class _Places:
    """Where the edge from one task to another is written."""

    def __init__(self, written: list[WrittenTask], known: dict[str, tuple[str, ...]]) -> None:
        self._known = known
        self._written = {task.name: (one, task) for one in written for task in one.tasks}
        self._as_written = {name: one.name for name, (one, _) in self._written.items()}
        self._edges: dict[str, dict[str, list[Cursor]]] = {}

    def of(self, name: str, parent: str, *, last: bool = False) -> Cursor:
        """The edge's place: of several the first, or the last."""
        if name not in self._edges:
            one, task = self._written[name]
            edges = self._edges.setdefault(name, {})
            for place, depend in zip(one.fields["depends"].items(), task.depends, strict=True):
                edges.setdefault(depend.task, []).append(place)
        leading = [
            place
            for written in dict.fromkeys((parent, self._as_written[parent]))
            for place in self._edges[name].get(written, ())
        ]
        return leading[-1 if last else 0]


def _check_graph(tasks: Iterable[TaskDefinition], places: _Places) -> None:
    """Later rules are looked at only where the earlier ones hold."""
    listed = {task.name: [depend.task for depend in task.depends] for task in tasks if task.name}
    parents: dict[str, Collection[str]] = {name: dict.fromkeys(of) for name, of in listed.items()}
    circular = cycles(parents)
    for name, parent in circular:
        leads_back = "itself" if parent == name else f"{shown(parent)}, which depends on {shown(name)} again"
        places.of(name, parent).complain(f"circular dependency: task {shown(name)} depends on {leads_back}")
    for name, parent, ancestor in () if circular else redundant_edges(parents, _MOST_REDUNDANT):
        places.of(name, ancestor).complain(
            f"task {shown(name)} and its dependency {shown(parent)} both depend on {shown(ancestor)}:"
            f" leave {shown(ancestor)} out, {shown(parent)} waits for it"
        )
    for name, of in listed.items():
        for parent, count in Counter(of).items() if len(of) > len(parents[name]) else ():
            if count > 1:
                message = f"task {shown(name)} lists {shown(parent)} {count} times in `depends`"
                places.of(name, parent, last=True).complain(message)
