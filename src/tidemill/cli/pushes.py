"""`tidemill push`: what was pushed to a project, and what became of it."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from tidemill.cli.client import Output, Project, Server, ask
from tidemill.cli.output import inert, show
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.projects import PushResponse
from tidemill.contracts.gateway.pushes import PushExplanationResponse
from tidemill.errors import NotFound

app = App(name="push", help="Pushes to a project, which is named by its path (user/alice/hello) or id.")

COLUMNS = {"PUSH": "push", "WHEN": "when", "REF": "ref", "COMMIT": "commit", "RUNS": "runs", "NOTE": "note"}
#: Characters of ids and hashes in tables; `explain` takes them so.
_SHORT = 8
_RECENT = 30


@app.command(name="list")
def list_pushes(
    project: Project,
    *,
    limit: Annotated[int, Parameter(help="How many, newest first.", validator=validators.Number(gte=1))] = 10,
    server: Server = None,
    output: Output = "table",
) -> None:
    """List the newest pushes to a project, and the runs that were made of each ref.

    For example: tidemill push list user/alice/hello
    """

    async def pushes(gateway: Gateway) -> list[PushResponse]:
        found: list[PushResponse] = []
        cursor = ""
        while len(found) < limit:
            page = await gateway.project_pushes(project, str(min(limit - len(found), _RECENT)), cursor)
            found += page.pushes
            cursor = page.cursor
            if not cursor:
                break
        return found

    found = ask(server, pushes, about=project)
    if output == "json":
        show(found, output)
        return
    rows = [
        {
            "push": push.id[:_SHORT],
            "when": push.received_at,
            "ref": moved.ref.removeprefix("refs/heads/"),
            "commit": moved.new[:_SHORT] if moved.new.strip("0") else "",
            "runs": ", ".join(f"#{number}" for number in moved.runs),
            "note": "" if moved.runs else moved.note or moved.state,
        }
        for push in found
        for moved in push.refs
    ]
    show(rows, output, columns=COLUMNS)


@app.command
def explain(
    project: Project,
    push: Annotated[
        str, Parameter(help="The beginning of its id, or of a commit that it brought; the newest by default.")
    ] = "",
    *,
    server: Server = None,
    output: Output = "table",
) -> None:
    """Say for each ref of a push which runs were made of it, or why none.

    For example: tidemill push explain user/alice/hello 4f0c2a91
    """

    async def explained(gateway: Gateway) -> PushExplanationResponse:
        recent = (await gateway.project_pushes(project, str(_RECENT))).pushes
        named = next((one for one in recent if _is_meant(one, push)), None)
        if named is None and len(push) <= _SHORT:
            raise NotFound(
                f"no recent push {push!r} to {project}; see: tidemill push list {project}"
                if push
                else f"nothing has been pushed to {project} yet"
            )
        return await gateway.explain_push(project, named.id if named else push)

    found = ask(server, explained, about=project)
    if output == "json":
        show(found, output)
        return
    for moved in found.refs:
        print(inert(f"{moved.ref.removeprefix('refs/heads/')}: {moved.explanation.sentence}"))
        for what in ("not_made", "warnings"):
            for line in filter(None, moved.explanation.evidence.get(what, "").split("\n")):
                print(inert(f"  {'warning: ' if what == 'warnings' else ''}{line}"))


def _is_meant(push: PushResponse, name: str) -> bool:
    return push.id.startswith(name) or any(moved.new.startswith(name) for moved in push.refs)
