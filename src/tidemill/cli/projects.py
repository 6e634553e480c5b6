"""`tidemill project`: projects on the built-in git host."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tidemill.cli.client import Listed, Server, Thing, ask
from tidemill.cli.deleting import retention
from tidemill.cli.nested import secrets_of, variables_of
from tidemill.cli.output import show_done, show_listed
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.projects import CreateProjectRequest, ProjectResponse, UpdateProjectRequest
from tidemill.errors import BadRequest, Forbidden

app = App(name="project", help="Projects.")
app.command(retention)
app.command(secrets_of("project"), name="secret")
app.command(variables_of("project"), name="variable")
Visibility = Literal["public", "private"]
SkipCheck = Annotated[
    bool,
    Parameter(name=["--skip-ssh-host-key-check", "-s"], help="Trust any key of the host's.", negative=""),
]
#: The administrator's token has no projects of its own.
NOBODY = "with the administrator's token name a project group:"
COLUMNS = {"PATH": "path", "VISIBILITY": "global_visibility", "ID": "id"}


@app.command
def create(
    name: Annotated[str, Parameter(name=["--name", "-n"], help="The project's name.")],
    *,
    parent: Annotated[str, Parameter(help="The project group's path; your own root group by default.")] = "",
    visibility: Annotated[
        Visibility | None, Parameter(help="private by default; public with --remote-source, as with Agola.")
    ] = None,
    remote_source: Annotated[str, Parameter(help="Where its repository is; builtin by default.")] = "",
    repo_path: Annotated[str, Parameter(help="The repository's path there.")] = "",
    skip_ssh_host_key_check: SkipCheck = False,
    pass_vars_to_forked_pr: Annotated[
        bool, Parameter(help="Pull requests from forks get its variables.", negative="")
    ] = False,
    server: Server = None,
    output: Listed = None,
) -> None:
    """Create a project; push to <server>/git/<its path>.git to run it.

    For example: tidemill project create hello --parent user/alice
    """
    request = CreateProjectRequest(
        name=name,
        parent_ref=parent,
        visibility=visibility or ("public" if remote_source else "private"),
        repo_path=repo_path,
        remote_source_name=remote_source or "builtin",
        skip_ssh_host_key_check=skip_ssh_host_key_check,
        pass_vars_to_forked_pr=pass_vars_to_forked_pr,
    )
    try:
        made = ask(server, lambda gateway: gateway.create_project(request))
    except BadRequest as error:
        if parent or error.code != BadRequest.default_code:
            raise
        raise BadRequest(f"{error.message}; {NOBODY} --parent user/alice") from error
    show_done(f"project {made.path} created, ID: {made.id}", made, output, columns=COLUMNS)


@app.command
def update(
    project: Thing,
    *,
    name: Annotated[str | None, Parameter(name=["--name", "-n"], help="Another name.")] = None,
    parent: Annotated[str | None, Parameter(help="Another project group: the project moves there.")] = None,
    visibility: Annotated[Visibility | None, Parameter(help="Who sees it.")] = None,
    pass_vars_to_forked_pr: Annotated[
        bool | None, Parameter(help="Whether pull requests from forks get its variables.")
    ] = None,
    members_can_perform_run_actions: Annotated[
        bool | None, Parameter(help="Whether members of its organization may restart and stop runs.")
    ] = None,
    server: Server = None,
    output: Listed = None,
) -> None:
    """Change a project: what is not given stays as it is.

    For example: tidemill project update user/alice/hello --visibility public
    """
    request = UpdateProjectRequest(
        name=name,
        parent_ref=parent,
        visibility=visibility,
        pass_vars_to_forked_pr=pass_vars_to_forked_pr,
        members_can_perform_run_actions=members_can_perform_run_actions,
    )
    if request == UpdateProjectRequest():
        raise usage("say what is to be different; see: tidemill project update --help")
    made = ask(server, lambda gateway: gateway.update_project(project, request), about=project)
    show_done(f"project {made.path} updated, ID: {made.id}", made, output, columns=COLUMNS)


@app.command
def delete(project: Thing, *, server: Server = None) -> None:
    """Delete a project with its runs, secrets and (on builtin) its repository.

    For example: tidemill project delete user/alice/hello
    """
    ask(server, lambda gateway: gateway.delete_project(project), about=project)
    show_done(f"project {project} deleted", None, None)


@app.command
def reconfig(
    project: Annotated[
        str, Parameter(name=["--project", "--name", "-n"], help="The project's path or its id.")
    ],
    *,
    server: Server = None,
) -> None:
    """Set up keys and webhooks at the remote source anew.

    For example: tidemill project reconfig user/alice/hello
    """
    ask(server, lambda gateway: gateway.reconfigure_project(project), about=project)
    show_done(f"project {project} reconfigured", None, None)


@app.command(name="list")
def list_projects(
    group: str = "",
    *,
    parent: Annotated[str, Parameter(help="Of this project group alone, without those under it.")] = "",
    server: Server = None,
    output: Listed = None,
) -> None:
    """List the projects of a project group and of the groups under it; your own by default.

    For example: tidemill project list org/acme
    """
    if group and parent:
        raise usage("give a project group or --parent, not both")

    async def projects(gateway: Gateway) -> list[ProjectResponse]:
        if parent:
            return list(await gateway.project_group_projects(parent))
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
        if group or parent:
            raise
        raise Forbidden(f"{error.message}; {NOBODY} user/alice") from error
    lines = (f"{project.id}: Name: {project.name}" for project in listed)
    show_listed(listed, output, lines, columns=COLUMNS)
