"""`tidemill run`: runs of a project and what can be done with them."""

from typing import Annotated

from cyclopts import App, Parameter

from tidemill.cli.client import Output, Server, ask
from tidemill.cli.live import view
from tidemill.cli.output import inert, show
from tidemill.cli.usage import usage
from tidemill.cli.watch import watch
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.projects import ProjectCreateRunRequest
from tidemill.contracts.gateway.runs import RunActionsRequest, RunResponse, RunsResponse

app = App(name="run", help="Runs of a project, which is named by its path (user/alice/hello) or id.")
COLUMNS = {
    "NUMBER": "number",
    "NAME": "name",
    "PHASE": "phase",
    "RESULT": "result",
    "QUEUED": "enqueue_time",
    "STARTED": "start_time",
    "ENDED": "end_time",
}


@app.command(name="list")
def list_runs(
    project: str,
    *,
    limit: Annotated[int, Parameter(help="How many, newest first.")] = 25,
    phase: Annotated[
        tuple[str, ...], Parameter(help="Only runs in this phase; may be repeated.", negative="")
    ] = (),
    server: Server = None,
    output: Output = "table",
) -> None:
    """List the runs of a project, newest first."""
    if limit < 1:
        raise usage("--limit must be at least 1")

    async def runs(gateway: Gateway) -> list[RunsResponse]:
        found: list[RunsResponse] = []
        cursor = ""
        while len(found) < limit:
            size = str(min(limit - len(found), 30))
            phases = () if cursor else phase  # a cursor remembers its filters
            page = await gateway.project_runs(project, cursor=cursor, limit=size, phase=phases)
            found += page.items
            cursor = page.cursor
            if not cursor:
                break
        return found

    show(ask(server, runs), output, columns=COLUMNS)


@app.command
def get(project: str, number: int, *, server: Server = None, output: Output = "table") -> None:
    """Show one run and its tasks."""
    run = ask(server, lambda gateway: gateway.project_run(project, str(number)))
    _show_run(run, output)


@app.command(name="watch")
def watch_run(project: str, number: int, *, server: Server = None) -> int:
    """Show a run live until it ends; the exit code is 0 for success and 1 otherwise."""
    shown = view()
    try:
        state = ask(server, lambda gateway: watch(gateway, project, number, shown))
    finally:
        shown.close()
    for error in state.errors:
        print(error)
    return 0 if state.result == "success" else 1


@app.command
def create(
    project: str,
    *,
    branch: str = "",
    tag: str = "",
    ref: str = "",
    commit: Annotated[str, Parameter(help="A commit of it; its newest by default.")] = "",
    server: Server = None,
    output: Output = "table",
) -> None:
    """Make runs of a branch, tag or ref as it stands."""
    if len([name for name in (branch, tag, ref) if name]) != 1:
        raise usage("give exactly one of --branch, --tag and --ref")
    request = ProjectCreateRunRequest(branch=branch, tag=tag, ref=ref, commit_sha=commit)
    answer = ask(server, lambda gateway: gateway.create_project_run(project, request))
    if answer is None:
        return
    if output == "json":
        show(answer, output)
        return
    show(answer.runs, output)
    for note in answer.notes:
        print(inert(note))


@app.command
def restart(
    project: str,
    number: int,
    *,
    from_failed: Annotated[bool, Parameter(help="Keep the tasks that succeeded.", negative="")] = False,
    server: Server = None,
    output: Output = "table",
) -> None:
    """Make a new run of a finished one."""
    _act(
        project, number, RunActionsRequest(action_type="restart", from_start=not from_failed), server, output
    )


@app.command
def stop(project: str, number: int, *, server: Server = None, output: Output = "table") -> None:
    """Stop a running run."""
    _act(project, number, RunActionsRequest(action_type="stop"), server, output)


@app.command
def cancel(project: str, number: int, *, server: Server = None, output: Output = "table") -> None:
    """Cancel a queued run."""
    _act(project, number, RunActionsRequest(action_type="cancel"), server, output)


def _act(project: str, number: int, request: RunActionsRequest, server: Server, output: Output) -> None:
    run = ask(server, lambda gateway: gateway.project_run_action(project, str(number), request))
    _show_run(run, output)


def _show_run(run: RunResponse, output: Output) -> None:
    if output == "json":
        show(run, output)
        return
    show(run, output, columns=COLUMNS)
    for error in run.setup_errors or ():
        print(f"\n{inert(error)}")
    if run.tasks:
        print()
        tasks = sorted(run.tasks.values(), key=lambda task: (task.level, task.name))
        columns = {
            "TASK": "name",
            "STATUS": "status",
            "STARTED": "start_time",
            "ENDED": "end_time",
            "NOTE": "reason",
        }
        show(tasks, output, columns=columns)
