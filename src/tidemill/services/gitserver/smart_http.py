"""Git over HTTP, the smart way: `/git/<project path>.git/…`, for clone, fetch and push.

https://git-scm.com/docs/gitprotocol-http
"""

import re

import anyio
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tidemill.contracts.pushes import Access, AccessRequest, Pushes
from tidemill.errors import BadRequest, Failure, NotFound, Unauthorized, Unavailable
from tidemill.kit.git.repository import Repository, Service
from tidemill.services.gitserver.conversation import Conversation
from tidemill.services.gitserver.exchange import Exchange
from tidemill.services.gitserver.receiving import Receiving
from tidemill.services.gitserver.repositories import Repositories

PREFIX = "/git"
#: Seconds that the gateway has to say whether somebody may.
ACCESS_SECONDS = 10.0

_ADDRESS = re.compile(
    r"(?P<project>[\w-]+(?:/[\w-]+)+)(?:\.git)?"
    r"/(?P<action>info/refs|git-upload-pack|git-receive-pack)",
    re.ASCII,
)
_CHALLENGE = (b"www-authenticate", b'Basic realm="Tidemill", charset="UTF-8"')


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
        try:
            await self._serve(exchange, scope["path_params"]["path"])
        except Unauthorized as error:
            hint = "give a user token as the password (any user name will do)"
            await exchange.refuse(401, f"{error.message}\n{hint}", _CHALLENGE)
        except Failure as error:
            if exchange.is_started:
                raise
            await exchange.refuse(error.status, error.message)

    async def _serve(self, exchange: Exchange, path: str) -> None:
        match = _ADDRESS.fullmatch(path)
        if match is None:
            raise NotFound(f"nothing is here; a repository's address is {PREFIX}/user/<user>/<project>.git")
        project, action = match["project"], match["action"]
        if (exchange.method == "POST") != (action != "info/refs"):
            await exchange.refuse(405, f"{action} is asked with {'GET' if action == 'info/refs' else 'POST'}")
            return
        service = _service(exchange.query.get("service", "") if action == "info/refs" else action)
        if (
            action != "info/refs"
            and exchange.headers.get("content-type") != f"application/x-{service}-request"
        ):
            await exchange.refuse(415, f"the content type must be application/x-{service}-request")
            return
        access = await self._access(exchange, project, is_write=service == "git-receive-pack")
        repository = await self._repositories.opened(access.project)
        if action == "info/refs":
            exchange.content_type = f"application/x-{service}-advertisement".encode()
            await exchange.finish(await repository.advertisement(service, protocol=exchange.protocol))
            return
        exchange.content_type = f"application/x-{service}-result".encode()
        if service == "git-receive-pack":
            await self._receiving.serve(exchange, repository, access)
        else:
            await _send(exchange, repository)

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


def _service(name: str) -> Service:
    if name == "git-upload-pack":
        return "git-upload-pack"
    if name == "git-receive-pack":
        return "git-receive-pack"
    raise BadRequest("this server speaks git's smart protocol only; use git 1.6.6 or newer")


def _no_project(path: str) -> str:
    parent, _, name = path.rpartition("/")
    return f"project {path} does not exist; create it with: tidemill project create {name} --parent {parent}"


async def _send(exchange: Exchange, repository: Repository) -> None:
    """Serve a clone or fetch."""
    async with repository.sending(protocol=exchange.protocol) as process:
        conversation = Conversation(exchange, process, is_read_only=True)
        await conversation.hold(exchange.body(), _unchanged, lambda: False)
        if conversation.error:
            raise conversation.error
        await exchange.finish()


def _unchanged(block: bytes) -> bytes:
    return block
