"""`tidemill run tests`: what the tests of a run came to."""

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from tidemill.cli.client import Number, Output, Owner, Server, ask
from tidemill.cli.failed_tests import failed_lines
from tidemill.cli.output import show
from tidemill.contracts.gateway.reports import RunTestsResponse, StepTestsResponse

COLUMNS = {"TASK": "task_name", "STEP": "step", "TESTS": "tests", "FAILED": "bad", "SKIPPED": "skipped"}


def show_tests(
    project: Owner,
    number: Number,
    *,
    task: Annotated[str, Parameter(help="Only of the task with this name.")] = "",
    server: Server = None,
    output: Output = "table",
) -> int:
    """Show what the tests of a run came to, and which failed; the exit code is 1 when any did.

    For example: tidemill run tests user/alice/hello 7
    """
    found = ask(server, lambda gateway: gateway.project_run_tests(project, str(number)), about=project)
    steps = [one for one in found.steps if task in ("", one.task_name, one.task_id)]
    if output == "json":
        show(found if not task else steps, output)
    else:
        rows = [
            {"task_name": one.task_name, "step": one.step, "tests": one.tests, "bad": _bad(one)}
            | {"skipped": one.skipped}
            for one in steps
        ]
        show(rows, output, columns=COLUMNS)
        print(*_failures(steps), sep="\n", end="")
    return 1 if any(_bad(one) for one in steps) else 0


def _bad(tests: StepTestsResponse | RunTestsResponse) -> int:
    return tests.failures + tests.errors


def _failures(steps: list[StepTestsResponse]) -> Iterator[str]:
    for one in steps:
        for failed in one.failed:
            names = (failed.classname or failed.suite, failed.name)
            yield from failed_lines(one.task_name, names, failed.message, failed.text)
        if more := _bad(one) - len(one.failed):
            yield f"\n{one.task_name}: … and {more:,} more"
    if steps:
        yield ""
