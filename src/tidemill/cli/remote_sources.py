"""`tidemill remotesource`: git hosts, for administrators."""

from typing import Annotated

from cyclopts import App, Parameter

from tidemill.cli.client import Listed, Server, ask, complete
from tidemill.cli.holders import STDIN, read_bytes
from tidemill.cli.output import show_done, show_listed
from tidemill.cli.projects import SkipCheck
from tidemill.cli.usage import usage
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.users import (
    CreateRemoteSourceRequest,
    RemoteSourceResponse,
    UpdateRemoteSourceRequest,
)

app = App(name="remotesource", help="Git hosts that projects are on; changes are for administrators.")
GITHUB_URL = "https://api.github.com"
#: As GitHub publishes it.
_GITHUB_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
COLUMNS = {
    "NAME": "name",
    "AUTHENTICATION": "auth_type",
    "REGISTRATION": "registration_enabled",
    "LOGIN": "login_enabled",
    "ID": "id",
}
Ref = Annotated[str, Parameter(name=["--remotesource", "--ref"], help="The remote source's name or id.")]
Secret = Annotated[
    str | None,
    Parameter(
        allow_leading_hyphen=True,
        help="The secret of its OAuth2 application; - asks for it, or reads it from standard input.",
    ),
]
Key = Annotated[str | None, Parameter(help="Its public SSH key, as in known_hosts without the name.")]
ClientId = Annotated[
    str | None, Parameter(name=["--clientid", "--client-id"], help="The id of its OAuth2 application.")
]


@app.command
def create(
    name: Annotated[str, Parameter(name=["--name", "-n"], help="Its name here.")],
    *,
    type: Annotated[str, Parameter(help="gitea, github or gitlab.")],
    auth_type: Annotated[str, Parameter(help="oauth2, or on gitea password.")],
    api_url: Annotated[str, Parameter(help=f"The address of its API; of GitHub {GITHUB_URL}.")] = "",
    skip_verify: Annotated[bool, Parameter(help="Take any certificate.", negative="")] = False,
    clientid: ClientId = None,
    secret: Secret = None,
    ssh_host_key: Key = None,
    skip_ssh_host_key_check: SkipCheck = False,
    registration_enabled: Annotated[bool, Parameter(help="Users from there may register.")] = True,
    login_enabled: Annotated[bool, Parameter(help="Users from there may log in.")] = True,
    server: Server = None,
    output: Listed = None,
) -> None:
    """Add a git host.

    For example: tidemill remotesource create forge --type gitea --auth-type password --api-url https://forge.example
    """
    url = api_url or (GITHUB_URL if type == "github" else "")
    if not url:
        raise usage("--api-url is missing: the address of the git host's API")
    request = CreateRemoteSourceRequest(
        name=name,
        apiurl=url,
        type=type,
        auth_type=auth_type,
        skip_verify=skip_verify,
        oauth_2_client_id=clientid or "",
        oauth_2_client_secret=_read(secret) or "",
        ssh_host_key=ssh_host_key or (_GITHUB_KEY if url == GITHUB_URL else ""),
        skip_ssh_host_key_check=skip_ssh_host_key_check,
        registration_enabled=registration_enabled,
        login_enabled=login_enabled,
    )
    made = ask(server, lambda gateway: gateway.create_remote_source(request))
    show_done(f"remote source {made.name} created, ID: {made.id}", made, output, columns=COLUMNS)


@app.command(name="list")
def list_sources(*, server: Server = None, output: Listed = None) -> None:
    """List all git hosts.

    For example: tidemill remotesource list
    """

    async def sources(gateway: Gateway) -> list[RemoteSourceResponse]:
        async def page(cursor: str) -> tuple[list[RemoteSourceResponse], str]:
            asked = gateway.remote_sources(cursor=cursor) if cursor else gateway.remote_sources()
            answer = await asked
            return answer.items, answer.cursor

        return await complete(page)

    found = ask(server, sources)
    lines = (f"{source.id}: Name: {source.name}" for source in found)
    show_listed(found, output, lines, columns=COLUMNS)


@app.command
def update(
    ref: Ref,
    *,
    new_name: Annotated[str | None, Parameter(help="Another name.")] = None,
    api_url: Annotated[str | None, Parameter(help="The address of its API.")] = None,
    skip_verify: Annotated[bool | None, Parameter(help="Whether to take any certificate.")] = None,
    clientid: ClientId = None,
    secret: Secret = None,
    ssh_host_key: Key = None,
    skip_ssh_host_key_check: Annotated[
        bool | None,
        Parameter(name=["--skip-ssh-host-key-check", "-s"], help="Whether to trust any key of the host's."),
    ] = None,
    registration_enabled: Annotated[bool | None, Parameter(help="Users from there may register.")] = None,
    login_enabled: Annotated[bool | None, Parameter(help="Users from there may log in.")] = None,
    server: Server = None,
    output: Listed = None,
) -> None:
    """Change a git host: what is not given stays as it is.

    For example: tidemill remotesource update forge --no-registration-enabled
    """
    request = UpdateRemoteSourceRequest(
        name=new_name,
        apiurl=api_url,
        skip_verify=skip_verify,
        oauth_2_client_id=clientid,
        oauth_2_client_secret=_read(secret),
        ssh_host_key=ssh_host_key,
        skip_ssh_host_key_check=skip_ssh_host_key_check,
        registration_enabled=registration_enabled,
        login_enabled=login_enabled,
    )
    made = ask(server, lambda gateway: gateway.update_remote_source(ref, request))
    show_done(f"remote source {made.name} updated, ID: {made.id}", made, output, columns=COLUMNS)


@app.command
def delete(ref: Ref, *, server: Server = None) -> None:
    """Remove a git host that no project is on.

    For example: tidemill remotesource delete forge
    """
    ask(server, lambda gateway: gateway.delete_remote_source(ref))
    show_done(f"remote source {ref} deleted", None, None)


def _read(secret: str | None) -> str | None:
    if secret != STDIN:
        return secret
    return read_bytes(secret, "Secret of the OAuth2 application").decode().rstrip("\r\n")
