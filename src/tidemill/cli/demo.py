"""`tidemill demo`: the main job from nothing: a server, a user, a project, a push, its run live."""

import os
import secrets
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import anyio
import msgspec
from cyclopts import Parameter

from tidemill.cli.client import Remote, ask
from tidemill.cli.live import RunState, view
from tidemill.cli.output import duration, inert, time_of
from tidemill.cli.tasks import shown_status
from tidemill.cli.watch import watch
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.gateway.projects import CreateProjectRequest
from tidemill.contracts.gateway.runs import RunActionsRequest, RunTaskResponse
from tidemill.contracts.gateway.users import CreateUserRequest, CreateUserTokenRequest
from tidemill.errors import BadRequest, Failure, Internal, NotFound

USER = "demo"
PROJECT = "tidemill"
PATH = f"user/{USER}/{PROJECT}"
READY = "Tidemill is ready: "
START_SECONDS = 30.0
PUSH_SECONDS = 60.0
STOP_SECONDS = 10.0


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A server of the demo's own."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path


def demo(
    *,
    keep: Annotated[bool, Parameter(help="Leave the server up.", negative="")] = False,
    repository: Annotated[Path, Parameter(help="The repository whose current commit is pushed.")] = Path(),
) -> int:
    """Start the whole system in one process, push a repository's current commit, watch its run.

    The exit code is 0 when the run succeeds. Without --keep everything is removed at the end.
    """
    _end_as_after_ctrl_c()
    commit = _current_commit(repository)
    data_dir = Path(tempfile.mkdtemp(prefix="tidemill-demo-"))
    print(f"Starting Tidemill: one process, data in {data_dir}")
    with _server(data_dir, keep=keep) as server:
        token = _user(server)
        print(f"Created user {USER} and project {PATH}. Pushing commit {commit[:10]} with git:")
        _push(repository, server, token)
        remote = Remote(gateway_url=server.url, token=token)
        shown = view()
        try:
            state = ask(remote, lambda gateway: watch(gateway, PATH, 1, shown))
        except NotFound as error:
            raise BadRequest(
                "the push made no run: commit a .tidemill/config.yml that describes one"
            ) from error
        finally:
            shown.close()
        _summarise(remote, state)
        if keep:
            _next_commands(server, token, state)
    return 0 if state.result == "success" else 1


def _end_as_after_ctrl_c() -> None:
    # Whatever ends the demo takes down what it started; a shell's background jobs ignore SIGINT otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))


def _current_commit(repository: Path) -> str:
    if shutil.which("git") is None:
        raise BadRequest("git is missing; on Debian: apt-get install git")
    done = _git(repository, "rev-parse", "HEAD", env=os.environ.copy())
    if done.returncode:
        why = done.stderr.strip()
        raise BadRequest(
            f"{repository.absolute()} has no commit to push ({why}); name one that has with --repository"
        )
    if _git(repository, "status", "--porcelain", env=os.environ.copy()).stdout.strip():
        print("Uncommitted changes stay at home: the demo pushes the current commit.")
    return done.stdout.strip()


def _git(repository: Path, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["git", "-c", f"safe.directory={repository.absolute()}", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PUSH_SECONDS, env=env, check=False)


@contextmanager
def _server(data_dir: Path, *, keep: bool) -> Iterator[Started]:
    log = (data_dir / "server.log").open("w")
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tidemill", "serve", "--data-dir", str(data_dir), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")},
    )
    server: Started | None = None
    try:
        url = _ready(process, data_dir)
        print(f"Ready after {time.monotonic() - began:.2f} s at {url}")
        server = Started(process=process, url=url, data_dir=data_dir)
        yield server
    except BaseException:
        keep = False
        raise
    finally:
        log.close()
        if not keep:
            try:
                if server is not None:
                    _stop_runs(server)
            finally:
                _end(process)
                shutil.rmtree(data_dir, ignore_errors=True)


def _ready(process: subprocess.Popen[str], data_dir: Path) -> str:
    assert process.stdout
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        readable, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        line = process.stdout.readline() if readable else ""
        if line.startswith(READY):
            return line.removeprefix(READY).split()[0]
        if readable and not line:
            break
    last = (data_dir / "server.log").read_text().strip().splitlines()[-15:]
    raise Internal("the server did not start; its last words:\n" + "\n".join(last))


def _stop_runs(server: Started) -> None:
    """Stop what still runs: tasks outlive a server that is ended."""

    async def stop(gateway: Gateway) -> None:
        with anyio.move_on_after(STOP_SECONDS):
            runs = await gateway.project_runs(PATH, phase=("queued", "running"), limit="0")
            for run in runs.items:
                action = "stop" if run.phase == "running" else "cancel"
                await gateway.project_run_action(PATH, str(run.number), RunActionsRequest(action_type=action))
            for run in runs.items:
                async for _ in await gateway.follow_project_run(PATH, str(run.number)):
                    pass

    with suppress(Failure):  # a server that does not answer has stopped nothing, and is ended
        ask(_administrator(server), stop)


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _user(server: Started) -> str:
    async def create(gateway: Gateway) -> str:
        await gateway.create_user(CreateUserRequest(username=USER))
        name = f"demo-{secrets.token_hex(2)}"
        return (await gateway.create_user_token(USER, CreateUserTokenRequest(token_name=name))).token

    token = ask(_administrator(server), create)
    request = CreateProjectRequest(name=PROJECT, visibility="public", remote_source_name="builtin")
    ask(Remote(gateway_url=server.url, token=token), lambda gateway: gateway.create_project(request))
    return token


def _administrator(server: Started) -> Remote:
    return Remote(gateway_url=server.url, token=(server.data_dir / "admin-token").read_text().strip())


def _push(repository: Path, server: Started, token: str) -> None:
    # The token travels in the environment of git alone: not in the URL, not in its arguments.
    environment = os.environ | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"credential.{server.url}.helper",
        "GIT_CONFIG_VALUE_0": '!f() { echo username=demo; echo "password=$TIDEMILL_DEMO_TOKEN"; }; f',
        "TIDEMILL_DEMO_TOKEN": token,
        "GIT_TERMINAL_PROMPT": "0",
    }
    done = _git(repository, "push", f"{server.url}/git/{PATH}.git", "HEAD:refs/heads/main", env=environment)
    for line in done.stderr.splitlines():
        print(f"  {inert(line).rstrip()}")
    if done.returncode:
        raise Internal("the push failed")


def _summarise(remote: Remote, state: RunState) -> None:
    async def details(gateway: Gateway) -> tuple[list[RunTaskResponse], str]:
        ids = [task.id for task in sorted(state.tasks, key=lambda task: (task.level, task.name))]
        tasks = [await gateway.project_run_task(PATH, str(state.number), task) for task in ids]
        pushes = await gateway.project_pushes(PATH)
        return tasks, pushes.pushes[0].received_at if pushes.pushes else ""

    for error in state.errors:
        print(error)
    tasks, received = ask(remote, details)
    print()
    for task in tasks:
        took = duration(time_of(task.start_time), time_of(task.end_time))
        steps = ", ".join(" ".join(inert(step.name).split())[:40] for step in task.steps)
        print(f"  {shown_status(task):<8} {inert(task.name):<16} {took:>9}   {steps}")
    starts = [started for task in tasks for step in task.steps if (started := time_of(step.start_time))]
    ends = [ended for task in tasks for step in task.steps if (ended := time_of(step.end_time))]
    print()
    if starts and received:
        print(f"  push received -> first step  {duration(time_of(received), min(starts)):>9}")
    if ends and state.ended_at:
        print(f"  last step -> run finished    {duration(max(ends), state.ended_at):>9}")
    print(f"  run #{state.number}: {state.verdict}")


def _next_commands(server: Started, token: str, state: RunState) -> None:
    task = next((shlex.quote(task.name) for task in state.tasks), "NAME")
    print(
        f"""
The server stays up (process {server.process.pid}; end it with: kill {server.process.pid}).
  URL     {server.url}
  login   user {USER}, token {token}
  data    {server.data_dir}
Next:
  export TIDEMILL_GATEWAY_URL={server.url} TIDEMILL_TOKEN={token}{_path()}
  tidemill run list {PATH}
  tidemill run explain {PATH} 1
  tidemill run log {PATH} 1 --task {task}
  tidemill run restart {PATH} 1 && tidemill run watch {PATH} 2
  git clone {server.url}/git/{PATH}.git"""
    )


def _path() -> str:
    """What is to be exported too, where the shell does not find this command by its name."""
    if shutil.which("tidemill"):
        return ""
    return f" PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
