"""One run of a definition (reference, run configuration 1.3): its fields, its tasks and their graph."""

from tidemill.core.definition.cursor import Cursor
from tidemill.core.definition.faults import shown
from tidemill.core.definition.fields import fields_of
from tidemill.core.definition.graph_rules import joined
from tidemill.core.definition.inputs import read_concurrency, read_inputs
from tidemill.core.definition.keys.run import RUN
from tidemill.core.definition.nouns import RunDefinition
from tidemill.core.definition.tasks import check_name
from tidemill.core.definition.unfolding import WrittenTask, read_written
from tidemill.core.definition.values import read_registries, read_variables
from tidemill.core.definition.when import read_when


def read_run(cursor: Cursor) -> RunDefinition | None:
    """A run; None after complaining that there is none."""
    if cursor.is_null:
        cursor.complain(f"the run at index {cursor.key} is empty")
        return None
    fields = fields_of(cursor, RUN)
    if fields is None:
        return None
    name = fields["name"].text()
    check_name(fields["name"], name, "run", cursor)
    inputs = read_inputs(fields["inputs"])
    cursor.findings.inputs = dict.fromkeys(each.name for each in inputs)
    written = [read_written(item) for item in fields["tasks"].items()]
    tasks = [task for task in written if task is not None]
    check_unique([(task.fields["name"], task.name) for task in tasks], f"task of run {shown(name)}")
    _check_unfolded_names(tasks)
    run = RunDefinition(
        name=name,
        tasks=joined(name, tasks, is_whole=len(tasks) == len(written)),
        excluded=tuple(excluded for task in tasks for excluded in task.excluded),
        when=read_when(fields["when"]),
        timeout=fields["task_timeout_interval"].duration(),
        registries=read_registries(fields["docker_registries_auth"]),
        variables=read_variables(fields["variables"]),
        inputs=inputs,
        concurrency=read_concurrency(fields["concurrency"]),
        fail_fast=fields["fail_fast"].flag(),
        run_timeout=fields["timeout"].seconds(0.0, from_zero=True) or None,
    )
    cursor.findings.inputs = None
    return run


def check_unique(named: list[tuple[Cursor, str]], what: str) -> None:
    """Complain about each name that was given before."""
    seen: set[str] = set()
    for cursor, name in named:
        if name and name in seen:
            cursor.complain(f"there is another {what} with the name {shown(name)}: choose a new one")
        seen.add(name)


def _check_unfolded_names(written: list[WrittenTask]) -> None:
    """Complain where a combination has the name of another task, or of another combination."""
    seen: set[str] = {task.name for task in written}
    for task in written:
        for one in task.tasks:
            if one.name == task.name:
                continue
            if one.name in seen:
                message = f"two tasks would have the name {shown(one.name)}: let the name hold what differs"
                task.fields["name"].complain(message)
                break
            seen.add(one.name)
