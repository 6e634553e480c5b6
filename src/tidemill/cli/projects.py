"""`tidemill project`: projects on the built-in git host."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tidemill.cli.client import Output, Server, ask
from tidemill.cli.deleting import retention
from tidemill.cli.output import show
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.projects import CreateProjectRequest, ProjectResponse
from tidemill.errors import BadRequest, Forbidden

app = App(name="project", help="Projects.")
app.command(retention)
#: The administrator's token has no projects of its own.
NOBODY = "with the administrator's token name a project group:"
COLUMNS = {"PATH": "path", "VISIBILITY": "global_visibility", "ID": "id"}


@app.command
def create(
    name: str,
    *,
    parent: Annotated[str, Parameter(help="The project group's path; your own root group by default.")] = "",
    visibility: Literal["public", "private"] = "private",
    server: Server = None,
    output: Output = "table",
) -> None:
    """Create a project; push to <server>/git/<its path>.git to run it."""
    request = CreateProjectRequest(
        name=name, parent_ref=parent, visibility=visibility, remote_source_name="builtin"
    )
    try:
        made = ask(server, lambda gateway: gateway.create_project(request))
    except BadRequest as error:
        if parent or error.code != BadRequest.default_code:
            raise
        raise BadRequest(f"{error.message}; {NOBODY} --parent user/alice") from error
    show(made, output, columns=COLUMNS)


@app.command(name="list")
def list_projects(group: str = "", *, server: Server = None, output: Output = "table") -> None:
    """List the projects of a project group and of the groups under it; your own by default."""

    async def projects(gateway: Gateway) -> list[ProjectResponse]:
        root = group or f"user/{(await gateway.current_user()).username}"
        found, groups = list[ProjectResponse](), [root]
        while groups:
            path = groups.pop()
            found += await gateway.project_group_projects(path)
            groups += [child.path for child in await gateway.project_group_subgroups(path)]
        return sorted(found, key=lambda project: project.path)

    try:
        listed = ask(server, projects)
    except Forbidden as error:
        if group:
            raise
        raise Forbidden(f"{error.message}; {NOBODY} user/alice") from error
    show(listed, output, columns=COLUMNS)
