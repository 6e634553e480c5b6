"""`tidemill variable`: the names by which jobs ask for secrets."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from tidemill.cli.client import Listed, Output, Server, ask
from tidemill.cli.holders import GroupOption, Inherited, ProjectOption, check_holder, read_bytes
from tidemill.cli.meanings import parse_meanings
from tidemill.cli.output import show, show_done
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.variables import (
    VariableRequest,
    VariableResponse,
    VariableValueRequest,
    VariableValueResponse,
)

app = App(name="variable", help="Variables of a project, or of a project group for all that is below it.")
COLUMNS = {"NAME": "name", "MEANS": "means", "DEFINED IN": "parent_path", "ID": "id"}
MADE = {"NAME": "name", "ID": "id"}

File = Annotated[
    str,
    Parameter(
        name=["--file", "-f"],
        allow_leading_hyphen=True,
        help="A YAML list of {secret_name, secret_var, when}, tried in this order; - is standard input.",
    ),
]
From = Annotated[
    str, Parameter(name="--from", help="SECRET/KEY: the key of a secret that is meant on every ref.")
]


@app.command
def create(
    name: str,
    *,
    project: ProjectOption = "",
    group: GroupOption = "",
    file: File = "",
    from_: From = "",
    server: Server = None,
    output: Listed = None,
) -> None:
    """Create a variable; a configuration takes it with `from_variable`.

    For example: tidemill variable create TOKEN --project user/alice/hello --from deploy/TOKEN
    """
    check_holder(project, group)
    request = VariableRequest(name=name, values=_values(file, from_))

    async def call(gateway: Gateway) -> VariableResponse:
        if project:
            return await gateway.create_project_variable(project, request)
        return await gateway.create_project_group_variable(group, request)

    made = ask(server, call, about=project)
    show_done(f'variable "{made.name}" created, ID: {made.id}', made, output, columns=MADE)


@app.command(name="list")
def list_variables(
    *,
    project: ProjectOption = "",
    group: GroupOption = "",
    inherited: Inherited = False,
    server: Server = None,
    output: Output = "table",
) -> None:
    """List variables and the keys of secrets that they mean.

    For example: tidemill variable list --project user/alice/hello --inherited
    """
    check_holder(project, group)
    flag = "" if inherited else None

    async def call(gateway: Gateway) -> tuple[VariableResponse, ...]:
        if project:
            return await gateway.project_variables(project, tree=flag, removeoverridden=flag)
        return await gateway.project_group_variables(group, tree=flag, removeoverridden=flag)

    found = ask(server, call, about=project)
    show(found if output == "json" else [_row(one) for one in found], output, columns=COLUMNS)


@app.command
def update(
    name: str,
    *,
    project: ProjectOption = "",
    group: GroupOption = "",
    new_name: Annotated[str, Parameter(help="Another name.")] = "",
    file: File = "",
    from_: From = "",
    server: Server = None,
    output: Listed = None,
) -> None:
    """Replace all that a variable means.

    For example: tidemill variable update TOKEN --project user/alice/hello --file values.yml
    """
    check_holder(project, group)
    request = VariableRequest(name=new_name or name, values=_values(file, from_))

    async def call(gateway: Gateway) -> VariableResponse:
        if project:
            return await gateway.update_project_variable(project, name, request)
        return await gateway.update_project_group_variable(group, name, request)

    made = ask(server, call, about=project)
    show_done(f'variable "{made.name}" updated, ID: {made.id}', made, output, columns=MADE)


@app.command
def delete(name: str, *, project: ProjectOption = "", group: GroupOption = "", server: Server = None) -> None:
    """Delete a variable.

    For example: tidemill variable delete TOKEN --project user/alice/hello
    """
    check_holder(project, group)

    async def call(gateway: Gateway) -> None:
        if project:
            await gateway.delete_project_variable(project, name)
        else:
            await gateway.delete_project_group_variable(group, name)

    ask(server, call, about=project)
    show_done(f'variable "{name}" deleted', None, None)


def _values(file: str, word: str) -> tuple[VariableValueRequest, ...]:
    if bool(file) == bool(word):
        raise usage("what a variable means comes from either --from SECRET/KEY or --file FILE")
    if file:
        return parse_meanings(read_bytes(file), file)
    secret, slash, key = word.partition("/")
    if not secret or not slash:
        raise usage(f"--from {word}: write --from SECRET/KEY")
    return (VariableValueRequest(secret_name=secret, secret_var=key),)


def _row(variable: VariableResponse) -> dict[str, Any]:
    return {
        "name": variable.name,
        "means": [_means(value) for value in variable.values],
        "parent_path": variable.parent_path,
        "id": variable.id,
    }


def _means(value: VariableValueResponse) -> str:
    """A secret that does not exist is marked, since the variable is undefined then."""
    sometimes = "" if value.when is None else " (when)"
    missing = "" if value.matching_secret_parent_path else " (missing)"
    return f"{value.secret_name}/{value.secret_var}{sometimes}{missing}"
