"""`tidemill run`: runs of a project and what can be done with them."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from cyclopts import App, Parameter, validators

from tidemill.cli.client import Listed, Number, Output, Owner, Project, Server, ask
from tidemill.cli.deleting import delete_run
from tidemill.cli.explanations import explanation_lines
from tidemill.cli.live import view, with_warnings
from tidemill.cli.logs import get as show_log
from tidemill.cli.output import duration, inert, show, show_done, time_of
from tidemill.cli.run_lines import print_run
from tidemill.cli.run_tests import show_tests
from tidemill.cli.tasks import named_task, noted, shown_status
from tidemill.cli.usage import usage
from tidemill.cli.watch import watch
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.projects import ProjectCreateRunRequest
from tidemill.contracts.gateway.runs import (
    RunActionsRequest,
    RunResponse,
    RunResponseTask,
    RunsQuery,
    RunsResponse,
    RunTaskActionsRequest,
    RunTaskResponse,
)

app = App(name="run", help="Runs of a project, which is named by its path (user/alice/hello) or id.")
app.command(show_tests, name="tests")
app.command(show_log, name="log")
app.command(delete_run, name="delete")

Reason = Annotated[str, Parameter(help="Why; shown behind who did it.")]

Phase = Literal["setuperror", "queued", "cancelled", "running", "finished"]
Task = Annotated[str, Parameter(help="The task's name.")]

_AGAIN = "Do this one again, by name, and what depends on it; keep all others. May be repeated."

COLUMNS = {
    "NUMBER": "number",
    "NAME": "name",
    "PHASE": "phase",
    "RESULT": "result",
    "QUEUED": "enqueue_time",
    "TOOK": "took",
}
TASK_COLUMNS = {"TASK": "name", "STATUS": "status", "TOOK": "took", "NOTE": "reason"}


@app.command(name="list")
def list_runs(
    project: Owner,
    *,
    limit: Annotated[int, Parameter(help="How many, newest first.", validator=validators.Number(gte=1))] = 10,
    phase: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--phase", "-s"],
            help="Only runs in this phase (queued, running, …); may be repeated, or a list with commas.",
            negative="",
        ),
    ] = (),
    start: Annotated[
        int | None,
        Parameter(help="Only runs before the one of this number.", validator=validators.Number(gte=1)),
    ] = None,
    server: Server = None,
    output: Listed = None,
) -> None:
    """List the runs of a project, newest first; off a terminal with their tasks and steps, as Agola does.

    For example: tidemill run list user/alice/hello --phase running,queued
    """
    query: RunsQuery = {"limit": str(limit), "sortdirection": "desc"}
    if start is not None:
        query["start"] = str(start)
    if phase:
        query["phase"] = _phases(phase)

    async def runs(gateway: Gateway) -> list[RunsResponse]:
        page = await gateway.project_runs(project, **query)
        found = list(page.items)
        while page.cursor and len(found) < limit:  # a cursor remembers its filters
            page = await gateway.project_runs(project, cursor=page.cursor, limit=str(limit - len(found)))
            found += page.items
        if not output and not sys.stdout.isatty():
            for run in found:
                await print_run(gateway, project, run)
        return found

    found = ask(server, runs, about=project)
    if output == "json":
        show(found, output)
    elif output or sys.stdout.isatty():
        show([_row(run) for run in found], "table", columns=COLUMNS)


def _phases(words: Sequence[str]) -> tuple[Phase, ...]:
    """Phases, each given by itself or some with commas between."""
    found = [part for word in words for part in word.split(",") if part]
    for part in found:
        if part not in get_args(Phase):
            raise usage(f"--phase {part}: a phase is one of {', '.join(get_args(Phase))}")
    return tuple(cast("Sequence[Phase]", found))


@app.command
def get(project: Owner, number: Number, *, server: Server = None, output: Output = "table") -> None:
    """Show one run and its tasks.

    For example: tidemill run get user/alice/hello 7
    """
    run = ask(server, lambda gateway: gateway.project_run(project, str(number)), about=project)
    _show_run(run, output)


@app.command
def explain(project: Owner, number: Number, *, server: Server = None, output: Output = "table") -> None:
    """Say why a run and each of its tasks is as it is.

    For example: tidemill run explain user/alice/hello 7
    """
    found = ask(server, lambda gateway: gateway.explain_project_run(project, str(number)), about=project)
    if output == "json":
        show(found, output)
        return
    for line in explanation_lines(found, project=project, number=number):
        print(line)


@app.command(name="watch")
def watch_run(project: Owner, number: Number, *, server: Server = None) -> int:
    """Show a run live until it ends; the exit code is 0 for success and 1 otherwise.

    For example: tidemill run watch user/alice/hello 7
    """
    shown = view()
    try:
        state = ask(server, lambda gateway: watch(gateway, project, number, shown), about=project)
    finally:
        shown.close()
    for error in state.errors:
        print(error)
    return 0 if state.result == "success" else 1


@app.command
def create(
    project: Project,
    *,
    branch: str = "",
    tag: str = "",
    ref: str = "",
    commit: Annotated[
        str,
        Parameter(name=["--commit", "--commit-sha"], help="A commit of it; its newest by default."),
    ] = "",
    server: Server = None,
    output: Listed = None,
) -> None:
    """Make runs of a branch, tag or ref as it stands.

    For example: tidemill run create user/alice/hello --branch main
    """
    if len([name for name in (branch, tag, ref) if name]) != 1:
        raise usage("give exactly one of --branch, --tag and --ref")
    request = ProjectCreateRunRequest(branch=branch, tag=tag, ref=ref, commit_sha=commit)
    answer = ask(server, lambda gateway: gateway.create_project_run(project, request), about=project)
    if answer is None:
        return
    if output == "json":
        show(answer, output)
        return
    for run in answer.runs:
        show_done(f"run #{run.number} {run.name} created", run, output)
    for note in answer.notes:
        print(inert(note), file=sys.stderr)


@app.command
def restart(
    project: Owner,
    number: Number,
    *,
    from_failed: Annotated[bool, Parameter(help="Keep the tasks that succeeded.", negative="")] = False,
    task: Annotated[tuple[str, ...], Parameter(help=_AGAIN, negative="")] = (),
    server: Server = None,
    output: Output = "table",
) -> None:
    """Make a new run of a finished one.

    For example: tidemill run restart user/alice/hello 7 --task lint --task unit
    """
    if from_failed and task:
        raise usage("give --from-failed or --task, not both")
    whole = not from_failed and not task
    request = RunActionsRequest(action_type="restart", from_start=whole, tasks=task)
    _act(project, number, request, server, output)


@app.command
def stop(
    project: Owner, number: Number, *, reason: Reason = "", server: Server = None, output: Output = "table"
) -> None:
    """Stop a running run.

    For example: tidemill run stop user/alice/hello 7 --reason "wrong branch"
    """
    _act(project, number, RunActionsRequest(action_type="stop", reason=reason), server, output)


@app.command
def cancel(
    project: Owner, number: Number, *, reason: Reason = "", server: Server = None, output: Output = "table"
) -> None:
    """Cancel a queued run.

    For example: tidemill run cancel user/alice/hello 7
    """
    _act(project, number, RunActionsRequest(action_type="cancel", reason=reason), server, output)


@app.command
def approve(
    project: Owner, number: Number, task: Task, *, server: Server = None, output: Output = "table"
) -> None:
    """Let a task start that waits for approval.

    For example: tidemill run approve user/alice/hello 7 deploy
    """
    _act_on_task(project, number, task, RunTaskActionsRequest(action_type="approve"), server, output)


@app.command
def reject(
    project: Owner,
    number: Number,
    task: Task,
    *,
    reason: Reason = "",
    server: Server = None,
    output: Output = "table",
) -> None:
    """Skip a task that waits for approval.

    For example: tidemill run reject user/alice/hello 7 deploy --reason "not today"
    """
    request = RunTaskActionsRequest(action_type="reject", reason=reason)
    _act_on_task(project, number, task, request, server, output)


def _act_on_task(
    project: str, number: Number, name: str, request: RunTaskActionsRequest, server: Server, output: Output
) -> None:
    async def act(gateway: Gateway) -> RunTaskResponse:
        task = named_task(await gateway.project_run(project, str(number)), name)
        await gateway.project_run_task_action(project, str(number), task.id, request)
        return await gateway.project_run_task(project, str(number), task.id)

    task = ask(server, act, about=project)
    if output == "json":
        show(task, output)
        return
    done = "rejected" if request.action_type == "reject" else "approved"
    is_waiting = done == "approved" and not task.approved
    more = f"; it needs {task.needed_approvals} approvals in all" if is_waiting else ""
    print(f"task {inert(task.name)} of run #{number} {done}{more}")


def _act(project: str, number: Number, request: RunActionsRequest, server: Server, output: Output) -> None:
    run = ask(
        server, lambda gateway: gateway.project_run_action(project, str(number), request), about=project
    )
    _show_run(run, output)


def _show_run(run: RunResponse, output: Output) -> None:
    if output == "json":
        show(run, output)
        return
    show(_row(run), output, columns=COLUMNS)
    if run.restarted_from is not None:
        print(f"\na restart of run #{run.restarted_from}")
    if run.reason:
        print(f"\n{inert(run.reason)}")
    for error in run.setup_errors or ():
        print(f"\n{inert(error)}")
    if run.tasks:
        print()
        tasks = sorted(run.tasks.values(), key=lambda task: (task.level, task.name))
        show([_row(task) for task in tasks], output, columns=TASK_COLUMNS)


def _row(thing: RunsResponse | RunResponse | RunResponseTask) -> dict[str, Any]:
    """What a table shows of a run or a task: its fields, and how long it took."""
    row: dict[str, Any] = msgspec.structs.asdict(thing)
    if isinstance(thing, RunResponseTask):
        row |= {"status": shown_status(thing), "reason": noted(thing)}
    else:
        row["result"] = with_warnings(thing.result, thing.warnings)
    return row | {"took": duration(time_of(thing.start_time), time_of(thing.end_time))}
