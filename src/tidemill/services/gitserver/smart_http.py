"""Git over HTTP, the smart way: `/git/<project path>.git/…`, for clone, fetch and push.

https://git-scm.com/docs/gitprotocol-http
"""

import re
from functools import partial

import anyio
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tidemill.contracts.pushes import Access, AccessRequest, Pushes
from tidemill.errors import NotFound, Unavailable
from tidemill.services.gitserver.asking import ACTIONS, advertise, answered, asked_service, send
from tidemill.services.gitserver.exchange import Exchange
from tidemill.services.gitserver.receiving import Receiving
from tidemill.services.gitserver.repositories import Repositories

PREFIX = "/git"
#: Seconds that the gateway has to say whether somebody may.
ACCESS_SECONDS = 10.0

_ADDRESS = re.compile(
    rf"(?P<project>[\w-]+(?:/[\w-]+)+)(?:\.git)?/(?P<action>{ACTIONS})",
    re.ASCII,
)


class SmartHttp:
    """The ASGI application behind the routes of git clients."""

    def __init__(self, pushes: Pushes, repositories: Repositories, receiving: Receiving) -> None:
        self._pushes = pushes
        self._repositories = repositories
        self._receiving = receiving

    def routes(self) -> list[Route]:
        """What git clients and lost browsers ask for."""
        return [Route(f"{PREFIX}/{{path:path}}", endpoint=self, methods=["GET", "POST"], name="git")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        await answered(exchange, partial(self._serve, exchange, scope["path_params"]["path"]))

    async def _serve(self, exchange: Exchange, path: str) -> None:
        match = _ADDRESS.fullmatch(path)
        if match is None:
            raise NotFound(f"nothing is here; a repository's address is {PREFIX}/user/<user>/<project>.git")
        service = await asked_service(exchange, match["action"])
        if service is None:
            return
        access = await self._access(exchange, match["project"], is_write=service == "git-receive-pack")
        repository = await self._repositories.opened(access.project)
        if match["action"] == "info/refs":
            await advertise(exchange, repository, service)
        elif service == "git-receive-pack":
            await self._receiving.serve(exchange, repository, access)
        else:
            await send(exchange, repository)

    async def _access(self, exchange: Exchange, path: str, *, is_write: bool) -> Access:
        username, password = exchange.credentials()
        request = AccessRequest(path=path, write=is_write, username=username, password=password)
        try:
            with anyio.move_on_after(ACCESS_SECONDS):
                return await self._pushes.access(request)
        except NotFound as error:
            if error.code == "projectDoesNotExist":
                raise NotFound(_no_project(path), code=error.code) from error
            raise
        raise Unavailable("the gateway did not answer; try again")


def _no_project(path: str) -> str:
    parent, _, name = path.rpartition("/")
    return f"project {path} does not exist; create it with: tidemill project create {name} --parent {parent}"
