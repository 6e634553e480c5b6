"""`project secret`, `projectgroup variable` and so on, as Agola names them: ours, of one kind of holder."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal, Protocol

from cyclopts import App, Parameter

from tidemill.cli import secrets, variables
from tidemill.cli.client import Listed, Server, ask
from tidemill.cli.output import Format, tabbed
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.secrets import SecretResponse
from tidemill.contracts.gateway.variables import VariableResponse

Holder = Literal["project", "projectgroup"]
_WHAT = {"project": "The project's path or id.", "projectgroup": "The project group's path or id."}
_PATHS = {"project": "user/alice/hello", "projectgroup": "user/alice"}
Name = Annotated[str, Parameter(name=["--name", "-n"], help="Its name.")]
NewName = Annotated[str, Parameter(help="Another name.")]


class _Lists(Protocol):
    """Asks for what is kept in one place, or (both flags) for what is known there."""

    def __call__(
        self, ref: str, /, *, tree: str | None = None, removeoverridden: str | None = None
    ) -> Awaitable[Sequence[SecretResponse | VariableResponse]]: ...


def secrets_of(kind: Holder) -> App:
    """The commands for secrets of a project or a project group."""
    app = App(name="secret", help=f"Secrets of a {kind}.")
    holder_option = Annotated[str, Parameter(name=f"--{kind}", help=_WHAT[kind])]

    @app.command(name="create", help=_help("Create a secret.", kind, "secret create deploy -f data.yml"))
    def create(
        name: Name,
        *,
        holder: holder_option,
        file: secrets.File = "",
        from_: secrets.From = (),
        server: Server = None,
        output: Listed = None,
    ) -> None:
        project, group = _either(kind, holder)
        secrets.create(
            name, project=project, group=group, file=file, from_=from_, server=server, output=output
        )

    @app.command(name="update", help=_help("Replace a secret.", kind, "secret update deploy -f data.yml"))
    def update(
        name: Name,
        *,
        holder: holder_option,
        new_name: NewName = "",
        file: secrets.File = "",
        from_: secrets.From = (),
        server: Server = None,
        output: Listed = None,
    ) -> None:
        project, group = _either(kind, holder)
        secrets.update(
            name,
            project=project,
            group=group,
            new_name=new_name,
            file=file,
            from_=from_,
            server=server,
            output=output,
        )

    @app.command(name="delete", help=_help("Delete a secret.", kind, "secret delete deploy"))
    def delete(name: Name, *, holder: holder_option, server: Server = None) -> None:
        project, group = _either(kind, holder)
        secrets.delete(name, project=project, group=group, server=server)

    @app.command(name="list", help=_help("List secrets, inherited ones too.", kind, "secret list"))
    def list_all(*, holder: holder_option, server: Server = None, output: Listed = None) -> None:
        if output or sys.stdout.isatty():
            _show_inherited(secrets.list_secrets, _either(kind, holder), server, output or "table")
        else:
            _print_twice(kind, "secrets", holder, server)

    return app


def variables_of(kind: Holder) -> App:
    """The commands for variables of a project or a project group."""
    app = App(name="variable", help=f"Variables of a {kind}.")
    holder_option = Annotated[str, Parameter(name=f"--{kind}", help=_WHAT[kind])]

    @app.command(name="create", help=_help("Create a variable.", kind, "variable create TOKEN -f values.yml"))
    def create(
        name: Name,
        *,
        holder: holder_option,
        file: variables.File = "",
        from_: variables.From = "",
        server: Server = None,
        output: Listed = None,
    ) -> None:
        project, group = _either(kind, holder)
        variables.create(
            name, project=project, group=group, file=file, from_=from_, server=server, output=output
        )

    @app.command(
        name="update", help=_help("Replace a variable.", kind, "variable update TOKEN -f values.yml")
    )
    def update(
        name: Name,
        *,
        holder: holder_option,
        new_name: NewName = "",
        file: variables.File = "",
        from_: variables.From = "",
        server: Server = None,
        output: Listed = None,
    ) -> None:
        project, group = _either(kind, holder)
        variables.update(
            name,
            project=project,
            group=group,
            new_name=new_name,
            file=file,
            from_=from_,
            server=server,
            output=output,
        )

    @app.command(name="delete", help=_help("Delete a variable.", kind, "variable delete TOKEN"))
    def delete(name: Name, *, holder: holder_option, server: Server = None) -> None:
        project, group = _either(kind, holder)
        variables.delete(name, project=project, group=group, server=server)

    @app.command(name="list", help=_help("List variables, inherited ones too.", kind, "variable list"))
    def list_all(*, holder: holder_option, server: Server = None, output: Listed = None) -> None:
        if output or sys.stdout.isatty():
            _show_inherited(variables.list_variables, _either(kind, holder), server, output or "table")
        else:
            _print_twice(kind, "variables", holder, server)

    return app


def _either(kind: Holder, holder: str) -> tuple[str, str]:
    return (holder, "") if kind == "project" else ("", holder)


def _help(sentence: str, kind: Holder, example: str) -> str:
    return f"{sentence}\n\nFor example: tidemill {kind} {example} --{kind} {_PATHS[kind]}"


def _show_inherited(
    show_list: Callable[..., None], holder: tuple[str, str], server: Server, output: Format
) -> None:
    project, group = holder
    show_list(project=project, group=group, inherited=True, server=server, output=output)


def _print_twice(kind: Holder, noun: Literal["secrets", "variables"], holder: str, server: Server) -> None:
    """What is kept there, and what is known there, as Agola's client prints it."""
    name = f"{kind.replace('group', '_group')}_{noun}"

    async def call(gateway: Gateway) -> tuple[str, str]:
        lists: _Lists = getattr(gateway, name)
        own = await lists(holder)
        return tabbed(own), tabbed(await lists(holder, tree="", removeoverridden=""))

    own, all_of_them = ask(server, call, about=holder if kind == "project" else "")
    sys.stdout.write(f"{kind} {noun}:\n{own}\nAll {noun} (local and inherited):\n{all_of_them}\n")
