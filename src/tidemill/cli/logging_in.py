"""`tidemill login`, `logout`, `whoami`, `password`: one's account, and the token that is kept for it."""

import getpass
import os
import socket
import sys
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Annotated

import anyio
import httpx2
from cyclopts import Parameter

from tidemill.cli.client import DEFAULT_URL, Output, Remote, Server, ask, client, where
from tidemill.cli.logins import plain, read_logins, write_logins
from tidemill.cli.output import inert, show
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.contracts.gateway.accounts import LoginUserRequest, SetPasswordRequest
from tidemill.contracts.gateway.users import CreateUserTokenRequest, PrivateUserResponse
from tidemill.errors import BadRequest, Failure, Forbidden, NotFound, Unauthorized
from tidemill.kit.connect import connect
from tidemill.kit.wire import CSRF_TOKEN

ADMINISTRATOR = "the administrator"


def login(
    url: Annotated[str, Parameter(help="The server's address; asked for when it is not given.")] = "",
    *,
    user: Annotated[str, Parameter(name=["--user", "-n"], help="Log in with a password, as this user.")] = "",
    with_token: Annotated[
        bool, Parameter(help="Give a token, at a prompt or at standard input.", negative="")
    ] = False,
) -> None:
    """Log in at a server: later commands ask it, with a token that only you can read.

    With a password a new token is made, named after this machine. Passwords and tokens are asked for, or
    read from standard input; they are never arguments.

    For example: tidemill login https://ci.example --user alice
    """
    if user and with_token:
        raise usage("give --user or --with-token, not both")
    at = url or os.environ.get("TIDEMILL_GATEWAY_URL") or _asked_for_url()
    client(at, "")  # refuses what is no address before anything secret is asked for
    name = user
    if not user and not with_token and sys.stdin.isatty():
        name = input("User (nothing to give a token): ").strip()
    if name:
        token, token_name = _token_for(at, name, _secret(f"Password of {name}"))
    else:
        token, token_name = _secret("Token"), ""
    who = _name_of(Remote(gateway_url=at, token=token))
    write_logins(read_logins().with_login(at, token, token_name))
    print(f"logged in at {plain(at)} as {inert(who)}", file=sys.stderr)


def logout(
    url: Annotated[str, Parameter(help="The server's address; that of the last login by default.")] = "",
) -> None:
    """Forget the login at a server. A token that was made by `tidemill login` is deleted there too.

    For example: tidemill logout https://ci.example
    """
    known = read_logins()
    at = plain(url or known.current)
    token = known.token(at)
    if not token:
        raise NotFound(f"nobody is logged in at {at}" if at else "nobody is logged in")
    try:
        _delete_own(Remote(gateway_url=at, token=token), known.made.get(at, ""))
    except Failure as error:
        print(f"the token is forgotten here, but not deleted there: {error.message}", file=sys.stderr)
    write_logins(known.without(at))
    print(f"logged out at {at}", file=sys.stderr)


def whoami(*, server: Server = None, output: Output = "table") -> None:
    """Say who you are, at which server, and where that was found.

    For example: tidemill whoami
    """
    at = where(server)
    who = _name_of(at)
    if output == "json":
        show({"server": plain(at.gateway_url), "user": who}, output)
    else:
        print(f"{inert(who)} at {plain(at.gateway_url)}")


def password(
    user: Annotated[str, Parameter(help="Another user, for administrators.")] = "", *, server: Server = None
) -> None:
    """Set your password; the old one and the new one are asked for, or are lines of standard input.

    For example: tidemill password
    """
    old = "" if user else _secret("Old password (nothing when there is none)")
    new = _secret("New password")
    if sys.stdin.isatty() and _secret("The same again") != new:
        raise BadRequest("the two are not the same; nothing was changed")
    request = SetPasswordRequest(password=new, old_password=old)

    async def call(gateway: Gateway) -> str:
        name = user or (await gateway.current_user()).username
        await gateway.set_password(name, request)
        return name

    print(f"the password of {inert(ask(server, call))} is set", file=sys.stderr)


def _asked_for_url() -> str:
    if not sys.stdin.isatty():
        raise usage("name the server: tidemill login https://ci.example")
    return input(f"Server [{DEFAULT_URL}]: ").strip() or DEFAULT_URL


def _secret(prompt: str) -> str:
    """What a person types unseen, or the next line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{prompt}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _name_of(remote: Remote) -> str:
    """Whom the token of *remote* belongs to; raises Unauthorized when that is nobody."""

    async def call(gateway: Gateway) -> PrivateUserResponse:
        return await gateway.current_user()

    try:
        return ask(remote, call).username
    except Forbidden:
        return ADMINISTRATOR


def _token_for(url: str, name: str, secret: str) -> tuple[str, str]:
    """A new token of a user, and its name: made in a session that ends at once."""
    token_name = f"{socket.gethostname()}-{datetime.now(UTC):%Y%m%d-%H%M%S}"

    async def make() -> str:
        async with client(url, "") as http:
            http.headers["Origin"] = str(httpx2.URL(url).copy_with(path="")).rstrip("/")

            cookies = SimpleCookie()

            async def keep(response: httpx2.Response) -> None:
                for cookie in response.headers.get_list("Set-Cookie"):
                    cookies.load(cookie)
                # by hand: secure cookies are for this server also where it is reached by http
                http.headers["Cookie"] = "; ".join(f"{name}={one.value}" for name, one in cookies.items())
                if CSRF_TOKEN in response.headers:
                    http.headers[CSRF_TOKEN] = response.headers[CSRF_TOKEN]

            http.event_hooks = {"response": [keep]}
            gateway = connect(Gateway, http, PREFIX, is_service=False)
            request = LoginUserRequest(remote_source_name="builtin", login_name=name, password=secret)
            await gateway.log_in(request)
            who = await gateway.current_user()
            made = await gateway.create_user_token(
                who.username, CreateUserTokenRequest(token_name=token_name)
            )
            await gateway.log_out()
            return made.token

    try:
        return anyio.run(make), token_name
    except Unauthorized as error:
        if error.code != "wrongPassword":
            raise
        raise Unauthorized(f"{name} has another password at {plain(url)}", code=error.code) from error


def _delete_own(remote: Remote, token_name: str) -> None:
    """Delete the token that a login has made; one that was given stays."""
    if not token_name:
        return

    async def call(gateway: Gateway) -> None:
        await gateway.delete_user_token((await gateway.current_user()).username, token_name)

    ask(remote, call)
