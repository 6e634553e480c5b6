"""`tidemill projectgroup`: groups of projects, in groups."""

from typing import Annotated

from cyclopts import App, Parameter

from tidemill.cli.client import Listed, Server, ask
from tidemill.cli.nested import secrets_of, variables_of
from tidemill.cli.output import show_done, show_listed
from tidemill.cli.projects import Visibility
from tidemill.cli.usage import usage
from tidemill.contracts.gateway.projects import CreateProjectGroupRequest, UpdateProjectGroupRequest

app = App(name="projectgroup", help="Project groups, which hold projects and other groups.")
app.command(secrets_of("projectgroup"), name="secret")
app.command(variables_of("projectgroup"), name="variable")
COLUMNS = {"PATH": "path", "VISIBILITY": "global_visibility", "ID": "id"}
Group = Annotated[
    str,
    Parameter(
        name=["--projectgroup", "--ref"], help="The group's path, such as user/alice/tools, or its id."
    ),
]


@app.command
def create(
    name: Annotated[str, Parameter(name=["--name", "-n"], help="The group's name.")],
    *,
    parent: Annotated[
        str, Parameter(help="The group that it goes into; your own root group by default.")
    ] = "",
    visibility: Annotated[Visibility, Parameter(help="Who sees it.")] = "public",
    server: Server = None,
    output: Listed = None,
) -> None:
    """Create a project group.

    For example: tidemill projectgroup create tools --parent user/alice
    """
    request = CreateProjectGroupRequest(name=name, parent_ref=parent, visibility=visibility)
    made = ask(server, lambda gateway: gateway.create_project_group(request))
    show_done(f"project group {made.path} created, ID: {made.id}", made, output, columns=COLUMNS)


@app.command(name="list")
def list_groups(parent: Group, *, server: Server = None, output: Listed = None) -> None:
    """List the groups that are directly in a group.

    For example: tidemill projectgroup list user/alice
    """
    found = ask(server, lambda gateway: gateway.project_group_subgroups(parent))
    lines = (f"{group.id}: Name: {group.name}" for group in found)
    show_listed(found, output, lines, columns=COLUMNS)


@app.command
def update(
    group: Group,
    *,
    name: Annotated[str | None, Parameter(name=["--name", "-n"], help="Another name.")] = None,
    parent: Annotated[str | None, Parameter(help="Another group: it moves there.")] = None,
    visibility: Annotated[Visibility | None, Parameter(help="Who sees it.")] = None,
    server: Server = None,
    output: Listed = None,
) -> None:
    """Change a project group: what is not given stays as it is.

    For example: tidemill projectgroup update user/alice/tools --visibility private
    """
    request = UpdateProjectGroupRequest(name=name, parent_ref=parent, visibility=visibility)
    if request == UpdateProjectGroupRequest():
        raise usage("say what is to be different: --name, --parent or --visibility")
    made = ask(server, lambda gateway: gateway.update_project_group(group, request))
    show_done(f"project group {made.path} updated, ID: {made.id}", made, output, columns=COLUMNS)


@app.command
def delete(group: Group, *, server: Server = None) -> None:
    """Delete a project group with all groups and projects in it.

    For example: tidemill projectgroup delete user/alice/tools
    """
    ask(server, lambda gateway: gateway.delete_project_group(group))
    show_done(f"project group {group} deleted", None, None)
