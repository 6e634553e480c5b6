"""`tidemill directrun`: the working tree, uncommitted changes included, becomes a run on the server."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from anyio import to_thread
from cyclopts import App, Parameter

from tidemill.cli.client import Output, Remote, Server, ask, where
from tidemill.cli.direct_runs import asked_about
from tidemill.cli.exec.snapshot import Contents
from tidemill.cli.given import pairs, read_values
from tidemill.cli.live import RunState, TaskState, View, view
from tidemill.cli.output import Format, inert, show
from tidemill.cli.resuming import Persistence
from tidemill.cli.sending import Clone, find_clone, send
from tidemill.cli.usage import usage
from tidemill.cli.watch import watch
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.contracts.gateway.direct_runs import UserCreateRunRequest
from tidemill.contracts.gateway.projects import CreatedRuns
from tidemill.contracts.gateway.users import PrivateUserResponse
from tidemill.errors import Forbidden, Unavailable

app = App(name="directrun", help="Runs of the working tree as it is, on the server.")

MESSAGE = "direct run"
_PULL_REQUESTS = (r"refs/pull/(\d+)/head", r"refs/merge-requests/(\d+)/head")
_EXPRESSIONS = "RE2 found in refs of pull requests, its first group is the id; may be repeated."


class DirectRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was made of the working tree."""

    number: int
    name: str
    phase: str
    result: str
    url: str


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the working tree."""

    commit: str
    ref: str
    repository: str
    runs: tuple[DirectRun, ...]
    notes: tuple[str, ...]


@app.command
def start(
    *,
    untracked: Annotated[bool, Parameter(help="With files that git does not know yet.")] = True,
    ignored: Annotated[bool, Parameter(help="With files that git ignores.")] = False,
    branch: Annotated[str | None, Parameter(help="As if this branch had been pushed; master.")] = None,
    tag: Annotated[str | None, Parameter(help="As if this tag had been pushed.")] = None,
    ref: Annotated[
        str | None, Parameter(help="As if this ref had been pushed, such as refs/pull/7/head.")
    ] = None,
    pull_request_ref_regexes: Annotated[
        tuple[str, ...], Parameter(help=_EXPRESSIONS, negative="")
    ] = _PULL_REQUESTS,
    var: Annotated[
        tuple[str, ...], Parameter(help="NAME=VALUE of a variable; may be repeated.", negative="")
    ] = (),
    var_file: Annotated[
        tuple[Path, ...], Parameter(help="YAML or JSON file of variables; --var wins.", negative="")
    ] = (),
    dir: Annotated[Path, Parameter(help="A directory of the working tree.")] = Path(),
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], help="Show the runs live until they end.", negative="")
    ] = False,
    server: Server = None,
    output: Output = "table",
) -> int:
    """Run the working tree on the server, uncommitted changes included.

    Your index, your branches and your commits stay as they are. With -f the exit code is 0 when every run
    succeeds, and 1 otherwise.

    For example: tidemill directrun start -f --var level=debug
    """
    options = {"branch": branch, "tag": tag, "ref": ref}
    given = {option: name for option, name in options.items() if name is not None} or {"branch": "master"}
    if len(given) > 1 or not all(given.values()):
        raise usage("give one of --branch, --tag and --ref")
    variables = _variables(var, var_file)
    clone = find_clone(dir)
    request = UserCreateRunRequest(
        repo_uuid=clone.uuid,
        message=MESSAGE,
        pull_request_ref_regexes=pull_request_ref_regexes,
        variables=variables or None,
        key=str(uuid.uuid4()),
    )
    request = msgspec.structs.replace(request, **given)
    remote = where(server)
    contents = Contents(untracked=untracked, ignored=ignored, alone=MESSAGE)
    return ask(
        remote, lambda gateway: _Start(gateway, remote, clone, contents, output).run(request, follow=follow)
    )


def _variables(words: Sequence[str], files: Sequence[Path]) -> dict[str, str]:
    values: dict[str, str] = {}
    for path in files:
        values |= read_values(path)
    values |= pairs(words, "--var")
    for name, value in values.items():
        if not name or not value:
            raise usage(f"the variable {name!r} has no {'value' if name else 'name'}")
    return values


class _Start:
    """One direct run from the working tree to its end."""

    def __init__(
        self, gateway: Gateway, remote: Remote, clone: Clone, contents: Contents, output: Format
    ) -> None:
        self._gateway = gateway
        self._remote = remote
        self._clone = clone
        self._contents = contents
        self._output = output
        self._url = remote.gateway_url.rstrip("/")

    async def run(self, request: UserCreateRunRequest, *, follow: bool) -> int:
        user = await self._user()
        path = f"{user.id}/{self._clone.uuid}"
        ref = _full(request)
        address = f"{self._url}/repos/{path}.git"
        commit = await to_thread.run_sync(send, self._clone, address, ref, self._remote.token, self._contents)
        request = msgspec.structs.replace(request, repo_path=path, commit_sha=commit)
        made = await self._made(request)
        runs = tuple(
            DirectRun(
                number=run.number,
                name=run.name,
                phase=run.phase,
                result="",
                url=f"{self._url}{PREFIX}/users/{user.username}/runs/{run.number}",
            )
            for run in made.runs
        )
        started = Started(commit=commit, ref=ref, repository=path, runs=runs, notes=made.notes)
        if not follow:
            self._show(started)
            return 0
        return await self._follow(started, user.username)

    async def _user(self) -> PrivateUserResponse:
        try:
            return await self._gateway.current_user()
        except Forbidden as error:
            raise Forbidden(
                "direct runs are a user's: the administrator's token has none; give a user's"
            ) from error

    async def _made(self, request: UserCreateRunRequest) -> CreatedRuns:
        """Ask for the runs; the key makes asking again harmless, when the answer got lost."""
        persistence = Persistence()
        persistence.heard()
        while True:
            try:
                return await self._gateway.create_direct_run(request) or CreatedRuns(runs=(), notes=())
            except Unavailable as error:
                persistence.broke(error)
                await persistence.pause()

    async def _follow(self, started: Started, user: str) -> int:
        if self._output != "json":
            self._show(started)
        about = f"user/{user}"
        ended = []
        for run in started.runs:
            shown = _Nothing() if self._output == "json" else view()
            try:
                state = await watch(asked_about(self._gateway, about), about, run.number, shown)
            finally:
                shown.close()
            for error in state.errors if self._output != "json" else ():
                print(error)
            ended.append(msgspec.structs.replace(run, phase=state.phase, result=state.result))
        if self._output == "json":
            self._show(msgspec.structs.replace(started, runs=tuple(ended)))
        return 0 if ended and all(run.result == "success" for run in ended) else 1

    def _show(self, started: Started) -> None:
        if self._output == "json":
            show(started, self._output)
            return
        for run in started.runs:
            print(f"run #{run.number} {inert(run.name)}\n  {run.url}", flush=True)
        if not started.runs:
            print("no run was made")
        for note in started.notes:
            print(inert(note))


class _Nothing(View):
    """Shows nothing: a program waits for the end."""

    def update(self, run: RunState) -> None:
        """Nothing."""

    def line(self, task: TaskState, text: str) -> None:
        """Nothing."""

    def away(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def _full(request: UserCreateRunRequest) -> str:
    """The ref that is pushed to."""
    if request.branch:
        return f"refs/heads/{request.branch}"
    return f"refs/tags/{request.tag}" if request.tag else request.ref
