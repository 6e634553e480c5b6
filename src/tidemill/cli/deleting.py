"""`tidemill run delete`, `log delete`, `project retention`: what is not wanted any more."""

from typing import Annotated

import msgspec
from cyclopts import Parameter, validators

from tidemill.cli.client import Listed, Number, Output, Owner, Project, Server, ask
from tidemill.cli.output import show, show_done
from tidemill.cli.tasks import Setup, StepNumber, TaskId, TaskName, named_task
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.storage import RetentionRequest, RetentionResponse
from tidemill.errors import NotFound

_NO_LESS = validators.Number(gte=0)
More = Annotated[int, Parameter(help="More runs' numbers.", validator=validators.Number(gte=1))]


def delete_run(
    project: Owner, number: Number, *more: More, server: Server = None, output: Output = "table"
) -> None:
    """Delete runs that are over, with their logs, workspaces, artifacts and reports.

    What a restarted run has kept of one stays with that. The numbers are not given again.

    For example: tidemill run delete user/alice/hello 7 8 9
    """

    async def remove(gateway: Gateway) -> None:
        for one in (number, *more):
            try:
                await gateway.delete_project_run(project, str(one))
            except NotFound as error:
                if error.code != "runDoesNotExist":
                    raise
                raise NotFound(f"{project} has no run #{one}; see: tidemill run list {project}") from error
            if output == "table":
                print(f"run #{one} deleted", flush=True)

    ask(server, remove, about=project)
    if output == "json":
        show({"deleted": [number, *more]}, output)


def delete_log(
    project: Owner,
    number: Number,
    *,
    task: TaskName = "",
    taskid: TaskId = "",
    step: StepNumber = None,
    setup: Setup = False,
    server: Server = None,
    output: Listed = None,
) -> None:
    """Delete the log of a step of a task that is over, of all its attempts.

    For example: tidemill log delete user/alice/hello 7 --task deploy --step 2
    """
    if setup == (step is not None):
        raise usage("give exactly one of --step and --setup")
    if task and taskid:
        raise usage("give one of --task and --taskid")

    async def remove(gateway: Gateway) -> str:
        wanted = name = taskid
        if not taskid:
            found = named_task(await gateway.project_run(project, str(number)), task)
            wanted, name = found.id, found.name
        if setup:
            await gateway.delete_project_run_log(project, str(number), wanted, setup="")
        else:
            await gateway.delete_project_run_log(project, str(number), wanted, step=str(step))
        return name

    name = ask(server, remove, about=project)
    if output == "json":
        show({"run": number, "task": name, "step": step}, output)
        return
    what = "the setup" if setup else f"step {step}"
    show_done(f"log of {what} of task {name} of run #{number} deleted", None, None)


def retention(
    project: Project,
    *,
    days: Annotated[
        float | None,
        Parameter(help="Days for which runs are kept after their end; 0 is for ever.", validator=_NO_LESS),
    ] = None,
    least: Annotated[
        int | None, Parameter(help="The newest runs that stay however old they are.", validator=_NO_LESS)
    ] = None,
    most: Annotated[
        int | None,
        Parameter(help="The newest runs beyond which older ones go; 0 is any number.", validator=_NO_LESS),
    ] = None,
    default: Annotated[bool, Parameter(help="As the server's settings say.", negative="")] = False,
    server: Server = None,
    output: Output = "table",
) -> None:
    """Show or change how long and how many runs of a project are kept.

    For example: tidemill project retention user/alice/hello --days 30 --least 50
    """
    changes = {"run_days": days, "runs_least": least, "runs_most": most}
    given = {name: value for name, value in changes.items() if value is not None}
    if default and given:
        raise usage("give --default, or what is to be different")

    async def call(gateway: Gateway) -> RetentionResponse:
        if default:
            return await gateway.set_project_retention(project, RetentionRequest())
        now = await gateway.project_retention(project)
        if not given:
            return now
        return await gateway.set_project_retention(project, msgspec.structs.replace(now.own, **given))

    found = ask(server, call, about=project)
    if output == "json":
        show(found, output)
        return
    age = f"{found.run_days:g} days after their end" if found.run_days else "for ever"
    print(f"runs are kept {age}, and the newest {found.runs_least:,} in any case")
    if found.runs_most:
        print(f"of more than {found.runs_most:,} runs the oldest go")
    if found.own == RetentionRequest():
        print("(as the server's settings say)")
