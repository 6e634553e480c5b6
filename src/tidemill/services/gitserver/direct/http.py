"""Git and files over HTTP for direct runs: `/repos/<user id>/<name>.git/…` (reference, API 1.7.12)."""

import ipaddress
import re
from functools import partial

import anyio
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tidemill.contracts.direct_runs import DirectAccessRequest, DirectRepositories
from tidemill.contracts.gitserver import FilesRequest
from tidemill.core.direct_runs import DirectRepository, repository_at
from tidemill.errors import BadRequest, NotFound, Unavailable
from tidemill.kit.git.names import is_hash, is_path, is_ref
from tidemill.kit.git.push import PushRequest, read_push_request
from tidemill.kit.git.repository import Repository
from tidemill.services.gitserver.asking import ACTIONS, advertise, answered, asked_service, send, unchanged
from tidemill.services.gitserver.contents import Contents
from tidemill.services.gitserver.conversation import Conversation
from tidemill.services.gitserver.direct.repositories import DirectOnDisk
from tidemill.services.gitserver.exchange import Exchange, standstill
from tidemill.services.gitserver.receiving import joined, refuse, torn

PREFIX = "/repos"
#: Seconds that the gateway has to say whether somebody may.
ACCESS_SECONDS = 10.0
#: Bytes of a file that is read whole.
MOST_RAW = 32 * 1024 * 1024
_ADDRESS = re.compile(rf"(?P<repository>[^/]+/[^/]+)\.git/(?:(?P<action>{ACTIONS})|raw/(?P<raw>.+))")
#: Who sends one of them has come by way of a proxy.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class DirectHttp:
    """The ASGI application behind `/repos`."""

    def __init__(
        self,
        gateway: DirectRepositories,
        repositories: DirectOnDisk,
        contents: Contents,
        *,
        is_loopback_only: bool,
    ) -> None:
        self._gateway = gateway
        self._repositories = repositories
        self._contents = contents
        self._is_loopback_only = is_loopback_only

    def routes(self) -> list[Route]:
        """What git clients ask for, and who reads one file."""
        return [Route(f"{PREFIX}/{{path:path}}", endpoint=self, methods=["GET", "POST"], name="repos")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        peer = (scope.get("client") or ("",))[0]
        is_local = self._is_loopback_only and _is_loopback(peer) and not _is_forwarded(exchange)
        path = scope["path_params"]["path"]
        await answered(exchange, partial(self._serve, exchange, path, is_local=is_local))

    async def _serve(self, exchange: Exchange, path: str, *, is_local: bool) -> None:
        match = _ADDRESS.fullmatch(path)
        repository = repository_at(match["repository"]) if match else None
        if match is None or repository is None:
            raise NotFound(f"nothing is here; an address is {PREFIX}/<user id>/<repository's UUID>.git")
        service = await asked_service(exchange, match["action"]) if match["action"] else None
        if match["action"] and service is None:
            return
        is_push = service == "git-receive-pack"
        await self._may(exchange, repository, is_push=is_push, is_local=is_local)
        async with self._repositories.using(repository):
            found = await self._found(repository, is_push=is_push)
            if match["raw"]:
                await self._send_file(exchange, found, match["raw"])
            elif service is not None and match["action"] == "info/refs":
                await advertise(exchange, found, service)
            elif is_push:
                await self._receive(exchange, found)
                self._repositories.pushed_to.add(repository)
            else:
                await send(exchange, found)

    async def _may(
        self, exchange: Exchange, repository: DirectRepository, *, is_push: bool, is_local: bool
    ) -> None:
        _, password = exchange.credentials()
        request = DirectAccessRequest(
            repository=repository.id, write=is_push, password=password, is_local=is_local
        )
        with anyio.move_on_after(ACCESS_SECONDS):
            await self._gateway.direct_access(request)
            return
        raise Unavailable("the gateway did not answer; try again")

    async def _found(self, repository: DirectRepository, *, is_push: bool) -> Repository:
        if is_push:
            return await self._repositories.made(repository)
        return self._repositories.existing(repository.id)

    async def _receive(self, exchange: Exchange, repository: Repository) -> None:
        """Receive one push and answer it. It makes no runs: these are asked for when it is over."""
        exchange.content_type = b"application/x-git-receive-pack-result"
        body = exchange.body()
        request: PushRequest | None = None
        with exchange.patience():
            request = await read_push_request(body)
        if request is None:
            raise standstill()
        if reasons := torn(request):
            await refuse(exchange, request, reasons, body)
            return
        if request.commands:  # a large push is preceded by a request that asks whether it may
            room = await self._repositories.room(repository)
            async with repository.receiving(
                is_large=exchange.is_large, protocol=exchange.protocol, most=room
            ) as process:
                conversation = Conversation(exchange, process, is_read_only=False)
                await conversation.hold(joined(request.head, body), unchanged, lambda: False)
            await repository.point_head(await repository.refs())
            if conversation.error is not None:
                raise conversation.error
        await exchange.finish()

    async def _send_file(self, exchange: Exchange, repository: Repository, place: str) -> None:
        if exchange.method != "GET":
            await exchange.refuse(405, "a file is asked for with GET")
            return
        commit, path = await self._placed(repository, place)
        request = FilesRequest(commit=commit, paths=(path,), limit=MOST_RAW)
        files = (await self._contents.files(repository, request)).files
        if path not in files:
            raise NotFound(f"commit {commit} has no file {path}")
        exchange.content_type = b"application/octet-stream"
        await exchange.finish(files[path])

    async def _placed(self, repository: Repository, place: str) -> tuple[str, str]:
        """Commit and path of `<ref or hash>/<path>`: the shortest beginning that is a ref or a commit."""
        words = place.split("/")
        refs = await repository.refs()
        for count in range(1, len(words)):
            revision, path = "/".join(words[:count]), "/".join(words[count:])
            named = [
                name for name in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}") if name in refs
            ]
            asked = named[0] if named else revision if count == 1 and is_hash(revision) else ""
            if (asked or is_ref(revision)) and is_path(path):
                try:
                    return (await self._contents.commit(repository, asked or revision)).sha, path
                except NotFound:
                    continue
        if not is_path(words[-1]):
            raise BadRequest(f"{place!r} is no ref or hash with the path of a file behind it")
        raise NotFound(f"{place} names no ref or commit of this repository with a path behind it")


def _is_forwarded(exchange: Exchange) -> bool:
    return any(name in exchange.headers for name in _FORWARDED)


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
