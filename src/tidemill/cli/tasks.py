"""Tasks of a run as people name and see them."""

from typing import Annotated

from cyclopts import Parameter, validators

from tidemill.cli.live import with_attempt, with_warnings
from tidemill.cli.usage import usage
from tidemill.contracts.gateway.runs import RunResponse, RunResponseTask, RunTaskResponse
from tidemill.errors import NotFound

TaskName = Annotated[
    str,
    Parameter(name=["--task", "--taskname"], help="The task's name; may be left out when there is only one."),
]
TaskId = Annotated[str, Parameter(name="--taskid", help="The task's id, instead of its name.")]
StepNumber = Annotated[
    int | None, Parameter(help="The step's number; the first is 0.", validator=validators.Number(gte=0))
]
Setup = Annotated[bool, Parameter(help="The log of the task's setup.", negative="")]


def named_task(run: RunResponse, name: str) -> RunResponseTask:
    """The task with this name or id; "" is the only one there is."""
    found = [task for task in run.tasks.values() if name in ("", task.name, task.id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(task.name for task in run.tasks.values())) or "none"
    if name:
        raise NotFound(f"run #{run.number} has no task {name!r}; its tasks: {names}")
    raise usage(f"name a task with --task; those of run #{run.number}: {names}")


def shown_status(task: RunResponseTask | RunTaskResponse) -> str:
    """The status for people: a failure that the run ignores is a warning."""
    return "warning" if task.warning else task.status


def noted(task: RunResponseTask) -> str:
    """What is to be said of a task beside its status."""
    return with_attempt(with_warnings(task.reason, task.warnings - task.warning), task.attempt)
