"""`tidemill user`: users, their tokens and linked accounts."""

import sys
from typing import Annotated

from cyclopts import App, Parameter

from tidemill.cli.client import Listed, Output, Server, ask, complete
from tidemill.cli.holders import STDIN, read_bytes
from tidemill.cli.output import inert, show, show_done, show_listed
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.accounts import SetDisabledRequest
from tidemill.contracts.gateway.linked_accounts import CreateUserLARequest
from tidemill.contracts.gateway.users import (
    CreateUserRequest,
    CreateUserTokenRequest,
    PrivateUserResponse,
)

app = App(name="user", help="Users, their tokens and linked accounts.")
token = App(name="token", help="Tokens of a user.")
linked_account = App(name="linkedaccount", help="Accounts of a user on remote sources.")
app.command(token)
app.command(linked_account)

Name = Annotated[str, Parameter(name=["--name", "--username", "-n"], help="The user's name.")]
User = Annotated[str, Parameter(name=["--user", "--username", "-n"], help="The user's name.")]
TokenName = Annotated[str, Parameter(name=["--name", "--tokenname", "-t"], help="The token's name.")]


@app.command
def create(name: Name, *, server: Server = None, output: Listed = None) -> None:
    """Create a user. Needs the administrator's token.

    For example: tidemill user create alice
    """
    made = ask(server, lambda gateway: gateway.create_user(CreateUserRequest(username=name)))
    show_done(f'user "{made.username}" created, ID: {made.id}', made, output)


@app.command
def delete(name: Name, *, server: Server = None) -> None:
    """Delete a user, with all projects and tokens of theirs. Needs the administrator's token.

    For example: tidemill user delete alice
    """
    ask(server, lambda gateway: gateway.delete_user(name))
    show_done(f'user "{name}" deleted', None, None)


@app.command
def disable(name: Name, *, server: Server = None) -> None:
    """Let a user in no more: neither tokens nor sessions nor the password. What is theirs stays.

    For example: tidemill user disable alice
    """
    ask(server, lambda gateway: gateway.set_disabled(name, SetDisabledRequest(disabled=True)))
    show_done(f'user "{name}" disabled', None, None)


@app.command
def enable(name: Name, *, server: Server = None) -> None:
    """Let a disabled user in again, with the tokens and the password that they had.

    For example: tidemill user enable alice
    """
    ask(server, lambda gateway: gateway.set_disabled(name, SetDisabledRequest(disabled=False)))
    show_done(f'user "{name}" enabled', None, None)


@app.command(name="list")
def list_users(*, server: Server = None, output: Listed = None) -> None:
    """List all users by name. Needs the administrator's token.

    For example: tidemill user list
    """

    async def users(gateway: Gateway) -> list[PrivateUserResponse]:
        async def page(cursor: str) -> tuple[list[PrivateUserResponse], str]:
            answer = await gateway.users(cursor=cursor) if cursor else await gateway.users()
            return answer.items, answer.cursor

        return await complete(page)

    found = ask(server, users)
    lines = (f"{user.id}: Name: {user.username}" for user in found)
    show_listed(found, output, lines, columns={"NAME": "username", "ID": "id", "TOKENS": "tokens"})


@token.command(name="create")
def create_token(user: User, name: TokenName, *, server: Server = None, output: Output = "table") -> None:
    """Create a token for a user and print it; it is shown only this once.

    For example: tidemill user token create alice laptop
    """
    answer = ask(
        server, lambda gateway: gateway.create_user_token(user, CreateUserTokenRequest(token_name=name))
    )
    if output == "json":
        show(answer, output)
    else:
        print(answer.token)


@token.command(name="delete")
def delete_token(user: User, name: TokenName, *, server: Server = None) -> None:
    """Delete a token by its name.

    For example: tidemill user token delete alice laptop
    """
    ask(server, lambda gateway: gateway.delete_user_token(user, name))
    show_done(f'token "{name}" for user "{user}" deleted', None, None)


@linked_account.command(name="create")
def link(
    user: User,
    *,
    remote_source: Annotated[str, Parameter(name=["--remote-source", "-r"], help="The remote source.")],
    remote_name: Annotated[str, Parameter(help="The user's name there.")] = "",
    remote_password: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,
            help="The password there; - asks for it, or reads it from standard input.",
        ),
    ] = "",
    server: Server = None,
    output: Listed = None,
) -> None:
    """Link an account that a user has on a remote source.

    For example: tidemill user linkedaccount create alice -r forge --remote-name al --remote-password -
    """
    given = remote_password
    if given == STDIN:
        given = read_bytes(given, f"Password of {remote_name}").decode().rstrip("\r\n")
    request = CreateUserLARequest(
        remote_source_name=remote_source,
        remote_source_login_name=remote_name,
        remote_source_login_password=given,
    )
    answer = ask(server, lambda gateway: gateway.create_linked_account(user, request))
    if answer.oauth2_redirect:
        print(f"visit {inert(answer.oauth2_redirect)} to continue", file=sys.stderr)
        return
    made = answer.linked_account.id if answer.linked_account else ""
    show_done(f'linked account for user "{user}" created, ID: {made}', answer.linked_account, output)


@linked_account.command(name="delete")
def unlink(
    user: User,
    account: Annotated[str, Parameter(name=["--account", "--laid"], help="The linked account's id.")],
    *,
    server: Server = None,
) -> None:
    """Remove a linked account.

    For example: tidemill user linkedaccount delete alice --laid 4c1b2f6e
    """
    ask(server, lambda gateway: gateway.delete_linked_account(user, account))
    show_done(f'linked account "{account}" for user "{user}" deleted', None, None)
