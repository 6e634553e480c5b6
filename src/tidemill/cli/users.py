"""`tidemill user`: users and their tokens."""

from cyclopts import App

from tidemill.cli.client import Output, Server, ask, complete
from tidemill.cli.output import show
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.users import (
    CreateUserRequest,
    CreateUserTokenRequest,
    PrivateUserResponse,
)

app = App(name="user", help="Users and their tokens.")
token = App(name="token", help="Tokens of a user.")
app.command(token)


@app.command
def create(name: str, *, server: Server = None, output: Output = "table") -> None:
    """Create a user. Needs the administrator's token."""
    show(ask(server, lambda gateway: gateway.create_user(CreateUserRequest(username=name))), output)


@app.command(name="list")
def list_users(*, server: Server = None, output: Output = "table") -> None:
    """List all users by name. Needs the administrator's token."""

    async def users(gateway: Gateway) -> list[PrivateUserResponse]:
        async def page(cursor: str) -> tuple[list[PrivateUserResponse], str]:
            answer = await gateway.users(cursor=cursor)
            return answer.items, answer.cursor

        return await complete(page)

    show(ask(server, users), output, columns={"NAME": "username", "ID": "id", "TOKENS": "tokens"})


@token.command(name="create")
def create_token(user: str, name: str, *, server: Server = None, output: Output = "table") -> None:
    """Create a token for a user and print it; it is shown only this once."""
    answer = ask(
        server, lambda gateway: gateway.create_user_token(user, CreateUserTokenRequest(token_name=name))
    )
    if output == "json":
        show(answer, output)
    else:
        print(answer.token)


@token.command(name="delete")
def delete_token(user: str, name: str, *, server: Server = None) -> None:
    """Delete a token by its name."""
    ask(server, lambda gateway: gateway.delete_user_token(user, name))
