"""A gitserver on a real HTTP server with a gateway that a test commands, and a user's git."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import anyio
import anyio.lowlevel

from tidemill.contracts.direct_runs import DirectAccessRequest, DirectRepositories, DirectUse
from tidemill.contracts.pushes import Access, AccessRequest, Push, PushedRun, Pushes, PushOutcome
from tidemill.errors import Failure, Forbidden, NotFound, Unauthorized
from tidemill.kit.carriers import coded
from tidemill.kit.db import Database
from tidemill.kit.http import make_app, serve_http
from tidemill.kit.supervise import Loop
from tidemill.services.gitserver import GitserverService
from tidemill.settings import GitserverSettings

TOKEN = "alices-token"
READER = "a-clone-token"
PROJECTS = {"user/alice/hello": "p-hello", "user/alice/deep/er": "p-deeper", "user/alice/public": "p-public"}

IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Test"), ("EMAIL", "test@example.invalid"))
}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    **IDENTITY,
}


class Gateway(Pushes):
    """Lets Alice write, a clone token read, everybody read what is public; records pushes."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.attempts = 0
        self.failure: Failure | None = None
        self.poison: set[str] = set()
        """Projects whose pushes are not taken."""
        self.held = anyio.Event()
        self.held.set()
        self.notes: tuple[str, ...] = ()
        self.setup_error = ""
        self.heard = anyio.Condition()

    async def access(self, request: AccessRequest) -> Access:
        project = PROJECTS.get(request.path)
        if project is None:
            raise NotFound("no such project", code="projectDoesNotExist")
        if request.password == TOKEN:
            return Access(project=project, pusher="alice")
        if request.password == READER or (request.path == "user/alice/public" and not request.password):
            if not request.write:
                return Access(project=project)
            if request.password:
                raise Forbidden(f"a clone token may not push to {request.path}")
        raise Unauthorized("wrong token" if request.password else "who are you?")

    async def pushed(self, push: Push) -> PushOutcome:
        self.attempts += 1
        if self.failure:
            raise self.failure
        if push.project in self.poison:
            raise RuntimeError("this push breaks the gateway")
        await self.held.wait()
        async with self.heard:
            if push.id not in {p.id for p in self.pushes}:
                self.pushes.append(push)
            self.heard.notify_all()
        runs = tuple(
            PushedRun(
                number=i,
                name="build",
                ref=update.ref,
                url=f"http://tidemill/runs/{i}",
                setup_error=self.setup_error,
            )
            for i, update in enumerate(push.updates, 1)
            if update.new.strip("0") and not self.notes
        )
        return PushOutcome(is_complete=True, runs=runs, notes=self.notes)

    async def told(self, count: int) -> list[Push]:
        """The pushes, once there are *count* of them."""
        with anyio.fail_after(20):
            async with self.heard:
                while len(self.pushes) < count:
                    await self.heard.wait()
        return self.pushes

    def moved(self) -> list[tuple[str, str, str]]:
        """Every update told of, in order."""
        return [(u.ref, u.old, u.new) for push in self.pushes for u in push.updates]


class People(DirectRepositories):
    """Lets the bearer of `TOKEN` at every repository of direct runs, a clone token read, neighbours too."""

    def __init__(self) -> None:
        self.uses: dict[str, DirectUse] = {}
        self.failure: Failure | None = None
        self.neighbours: list[bool] = []
        """Of each request, whether it came from the server's own machine."""

    async def direct_access(self, request: DirectAccessRequest) -> Access:
        self.neighbours.append(request.is_local)
        if request.password == TOKEN or (request.password == READER and not request.write):
            return Access(project=request.repository)
        raise Unauthorized("who are you?")

    async def direct_use(self, user: str) -> DirectUse:
        if self.failure:
            raise self.failure
        return self.uses.get(user, DirectUse(is_known=True))


class User:
    """A work tree with a remote."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url

    @classmethod
    def in_new(cls, directory: Path, url: str) -> "User":
        directory.mkdir()
        return cls(directory, url)

    async def git(self, *arguments: str, ok: bool = True, input: bytes = b"") -> str:
        """What git printed, on both outputs; it must succeed unless *ok* is False, then it must fail."""
        done = await asyncio.to_thread(
            subprocess.run,
            ["git", *arguments],
            cwd=self.directory,
            env=ENVIRONMENT,
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        text = done.stdout.decode(errors="replace")
        assert (done.returncode == 0) == ok, text
        return text.strip()

    async def commit(self, name: str = "file", content: str | bytes = "content\n") -> str:
        """Commit a file; answers the hash."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        await self.git("add", "--", name)
        await self.git("commit", "-q", "--allow-empty", "-m", f"change {name}")
        return await self.head()

    async def head(self) -> str:
        return await self.git("rev-parse", "HEAD")


class Hosting:
    """A gitserver that listens on a free port."""

    def __init__(
        self,
        directory: Path,
        db: Database,
        clock: Callable[[], datetime] | None = None,
        *,
        is_loopback_only: bool = False,
        settings: GitserverSettings | None = None,
    ) -> None:
        self.directory = directory
        self.gateway = Gateway()
        self.people = People()
        self.service = GitserverService(
            settings or GitserverSettings(push_wait=5.0),
            directory,
            db,
            coded(Pushes, self.gateway),
            coded(DirectRepositories, self.people),
            clock=clock or (lambda: datetime.now(UTC)),
            new_id=lambda: str(uuid4()),
            is_loopback_only=is_loopback_only,
        )
        self.address = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Hosting"]:
        """Serve until the block ends."""
        await self.service.start()
        app, stop = make_app(self.service.routes()), anyio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
            async with anyio.create_task_group() as group:
                group.start_soon(partial(serve_http, app, listener, stop=stop, drain=1.0))
                try:
                    yield self
                finally:
                    stop.set()
        await self.service.close()

    async def quiet(self) -> None:
        """Wait until no push is in hand: the log is written after the pusher has its answer."""
        with anyio.fail_after(20):
            while self.service._log._busy:
                await anyio.lowlevel.checkpoint()

    async def deliver(self) -> None:
        """One turn of the loop that tells of pushes, with nothing else going on."""
        await self.quiet()
        await self.loop("pushes").work()

    def loop(self, name: str) -> Loop:
        """The service's loop of this name."""
        return next(loop for loop in self.service.loops() if loop.name == f"gitserver.{name}")

    def url(self, project: str = "user/alice/hello", token: str = TOKEN) -> str:
        credentials = f"any:{token}@" if token else ""
        return f"http://{credentials}{self.address}/git/{project}.git"

    async def user(self, name: str = "work", project: str = "user/alice/hello", token: str = TOKEN) -> User:
        """A user with an empty work tree."""
        user = User.in_new(self.directory.parent / name, self.url(project, token))
        await user.git("init", "-q", "-b", "main")
        await user.git("remote", "add", "origin", user.url)
        return user

    def repository(self, project: str = "p-hello") -> Path:
        return self.directory / "repositories" / project[-2:] / f"{project}.git"
