"""`tidemill secret`: what only a project's jobs get to see. Values come from files, never from arguments."""

from typing import Annotated

from cyclopts import App, Parameter

from tidemill.cli.client import Listed, Output, Server, ask
from tidemill.cli.given import pairs, parse_values
from tidemill.cli.holders import GroupOption, Inherited, ProjectOption, check_holder, read_bytes
from tidemill.cli.output import show, show_done
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.secrets import SecretRequest, SecretResponse
from tidemill.errors import BadRequest

app = App(name="secret", help="Secrets of a project, or of a project group for all that is below it.")
COLUMNS = {"NAME": "name", "KEPT IN": "parent_path", "ID": "id"}
MADE = {"NAME": "name", "ID": "id"}

File = Annotated[
    str,
    Parameter(
        name=["--file", "-f"],
        allow_leading_hyphen=True,
        help="A YAML mapping of keys to texts; - is standard input.",
    ),
]
From = Annotated[
    tuple[str, ...],
    Parameter(
        name="--from",
        negative="",
        help="KEY=FILE: a key whose value is in a file, or comes from standard input (-); may be repeated.",
    ),
]


@app.command
def create(
    name: str,
    *,
    project: ProjectOption = "",
    group: GroupOption = "",
    file: File = "",
    from_: From = (),
    server: Server = None,
    output: Listed = None,
) -> None:
    """Create a secret. Its data is shown to nobody again; a variable gives it to jobs.

    For example: tidemill secret create deploy --project user/alice/hello --from TOKEN=-
    """
    check_holder(project, group)
    request = SecretRequest(name=name, type="internal", data=_data(file, from_))

    async def call(gateway: Gateway) -> SecretResponse:
        if project:
            return await gateway.create_project_secret(project, request)
        return await gateway.create_project_group_secret(group, request)

    made = ask(server, call, about=project)
    show_done(f'secret "{made.name}" created, ID: {made.id}', made, output, columns=MADE)


@app.command(name="list")
def list_secrets(
    *,
    project: ProjectOption = "",
    group: GroupOption = "",
    inherited: Inherited = False,
    server: Server = None,
    output: Output = "table",
) -> None:
    """List the names of secrets.

    For example: tidemill secret list --project user/alice/hello --inherited
    """
    check_holder(project, group)
    flag = "" if inherited else None

    async def call(gateway: Gateway) -> tuple[SecretResponse, ...]:
        if project:
            return await gateway.project_secrets(project, tree=flag, removeoverridden=flag)
        return await gateway.project_group_secrets(group, tree=flag, removeoverridden=flag)

    show(ask(server, call, about=project), output, columns=COLUMNS)


@app.command
def update(
    name: str,
    *,
    project: ProjectOption = "",
    group: GroupOption = "",
    new_name: Annotated[str, Parameter(help="Another name.")] = "",
    file: File = "",
    from_: From = (),
    server: Server = None,
    output: Listed = None,
) -> None:
    """Replace all of a secret's data; jobs that begin from now on get the new one.

    For example: tidemill secret update deploy --group user/alice --file data.yml
    """
    check_holder(project, group)
    request = SecretRequest(name=new_name or name, type="internal", data=_data(file, from_))

    async def call(gateway: Gateway) -> SecretResponse:
        if project:
            return await gateway.update_project_secret(project, name, request)
        return await gateway.update_project_group_secret(group, name, request)

    made = ask(server, call, about=project)
    show_done(f'secret "{made.name}" updated, ID: {made.id}', made, output, columns=MADE)


@app.command
def delete(name: str, *, project: ProjectOption = "", group: GroupOption = "", server: Server = None) -> None:
    """Delete a secret; variables that mean it are undefined from then on.

    For example: tidemill secret delete deploy --project user/alice/hello
    """
    check_holder(project, group)

    async def call(gateway: Gateway) -> None:
        if project:
            await gateway.delete_project_secret(project, name)
        else:
            await gateway.delete_project_group_secret(group, name)

    ask(server, call, about=project)
    show_done(f'secret "{name}" deleted', None, None)


def _data(file: str, words: tuple[str, ...]) -> dict[str, str]:
    if not file and not words:
        raise usage("a secret's data comes from --file FILE or --from KEY=FILE (- is standard input)")
    data = parse_values(read_bytes(file), file) if file else {}
    for key, source in pairs(words, "--from", "KEY=FILE").items():
        if key in data:
            raise usage(f"{key} is given twice, by --file and by --from")
        data[key] = _text(read_bytes(source, f"Value of {key}"), source)
    return data


def _text(raw: bytes, source: str) -> str:
    """The content of a file; of a single line without the newline at its end, which is nobody's intent."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{source} is not text in UTF-8; encode it, for example with base64") from error
    is_one_line = text.endswith("\n") and "\n" not in text[:-1]
    return text[:-1].removesuffix("\r") if is_one_line else text
