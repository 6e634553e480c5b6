"""A run with its tasks and steps, in the lines that Agola's client prints."""

import sys
from collections.abc import Iterator

from tidemill.cli.output import inert
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.runs import RunsResponse, StepResponse


async def print_run(gateway: Gateway, project: str, run: RunsResponse) -> None:
    """Ask for the tasks of a run and print it."""
    whole = await gateway.project_run(project, str(run.number))
    lines = [f"{run.number}: Phase: {run.phase}, Result: {run.result}"]
    for task in sorted(whole.tasks.values(), key=lambda task: (task.level, task.name)):
        lines.append(f"\tTaskName: {task.name}, TaskID: {task.id}, Status: {task.status}")
        found = await gateway.project_run_task(project, str(run.number), task.id)
        lines += _steps(found.steps)
    for line in lines:
        sys.stdout.write(f"{inert(line)}\n")


def _steps(steps: tuple[StepResponse, ...]) -> Iterator[str]:
    for number, step in enumerate(steps):
        is_over = step.type == "run" and step.exit_status is not None and step.phase not in _NOT_OVER
        end = f", ExitStatus: {step.exit_status}" if is_over else ""
        yield f"\t\tStep: {number}, Name: {step.name}, Type: {step.type}, Phase: {step.phase}{end}"


_NOT_OVER = frozenset({"notstarted", "running"})
