"""Tasks of a run as people name them."""

from tidemill.cli.usage import usage
from tidemill.contracts.gateway.runs import RunResponse, RunResponseTask
from tidemill.errors import NotFound


def named_task(run: RunResponse, name: str) -> RunResponseTask:
    """The task with this name or id; "" is the only one there is."""
    found = [task for task in run.tasks.values() if name in ("", task.name, task.id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(task.name for task in run.tasks.values())) or "none"
    if name:
        raise NotFound(f"run #{run.number} has no task {name!r}; its tasks: {names}")
    raise usage(f"name a task with --task; those of run #{run.number}: {names}")
