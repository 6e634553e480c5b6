"""Rules of a run's graph: every edge leads to a task, none leads back, none says what another says."""

from collections import Counter

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import nearest
from tidemill.core.definition.nouns import RunDefinition, TaskDefinition
from tidemill.core.graph import cycles, redundant_edges


def check_graph(run: RunDefinition, tasks: list[tuple[Cursor, TaskDefinition]]) -> None:
    """Complain at the edges; later rules are looked at only where the earlier ones hold."""
    parents = {task.name: [depend.task for depend in task.depends] for task in run.tasks}
    places = {
        (task.name, depend.task): edge
        for cursor, task in tasks
        for edge, depend in zip(cursor.field("depends").items("`depends`"), task.depends, strict=True)
    }
    unknown = [(name, parent) for name, of in parents.items() for parent in of if parent not in parents]
    for name, parent in unknown:
        near = nearest(parent, parents.keys() - {name})
        places[name, parent].complain(
            f"task {name!r} depends on {parent!r}, which is not a task of run {run.name!r}{near}"
        )
    if unknown:
        return
    circular = cycles(parents)
    for name, parent in circular:
        leads_back = "itself" if parent == name else f"{parent!r}, which depends on {name!r} again"
        places[name, parent].complain(f"circular dependency: task {name!r} depends on {leads_back}")
    if circular:
        return
    for name, parent, ancestor in redundant_edges(parents):
        places[name, ancestor].complain(
            f"task {name!r} and its dependency {parent!r} both depend on {ancestor!r}:"
            f" leave {ancestor!r} out, {parent!r} waits for it"
        )
    for name, of in parents.items():
        for parent, count in Counter(of).items():
            if count > 1:
                places[name, parent].complain(f"task {name!r} lists {parent!r} {count} times in `depends`")
