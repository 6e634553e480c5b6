"""Direct runs of users on the command line: every command about runs takes `--user` in place of a project."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.cli.conftest import Tidemill
from tests.system.server import Server, User
from tidemill.cli.direct_runs import with_user_first
from tidemill.contracts.gateway import Gateway
from tidemill.contracts.runservice import CreateRuns, NewRun, Runservice
from tidemill.core.plan import Content, Plan, PlanTask, RunStep, Runtime, SaveArtifacts
from tidemill.core.refs import user_group
from tidemill.errors import BadRequest
from tidemill.kit.connect import connect, http_client

TOKEN = "between-services"
SAY = RunStep(name="say", command="echo said; echo kept > file", tty=False)
KEEP = SaveArtifacts(contents=(Content(source_dir=".", paths=("file",)),))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One whose runservice can be asked from outside."""
    environment = {"TIDEMILL_SERVICE_TOKEN": TOKEN}
    running = Server(tmp_path_factory.mktemp("direct") / "data", environment=environment).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def alice(server: Server) -> User:
    return server.user("alice")


@pytest.fixture(scope="module")
def runs(alice: User) -> None:
    """Two direct runs of alice; nobody pushes those yet."""
    group = user_group(alice.get("/user")["id"])
    task = PlanTask(name="task", runtime=Runtime(type="host"), steps=(SAY, KEEP))
    plan = Plan(name="direct", tasks=(task,))

    async def create() -> None:
        async with http_client(alice.server.url, service_token=TOKEN) as http:
            runservice = connect(Runservice, http, "/internal/runservice")
            for key in ("one", "two"):
                new = NewRun(name="direct", plan=plan)
                await runservice.create_runs(
                    CreateRuns(key=f"direct {key}", group=group, scope="", runs=(new,))
                )

    anyio.run(create)


@pytest.fixture
def json_of(tidemill: Tidemill) -> Callable[..., Any]:
    """What a command answers with `-o json`."""

    def call(*words: str) -> Any:
        answer = tidemill(*words, "-o", "json")
        assert (answer.code, answer.err) == (0, "")
        return json.loads(answer.out)

    return call


def test_every_command_about_runs_takes_a_user(
    as_alice: User, runs: None, tidemill: Tidemill, json_of: Callable[..., Any], tmp_path: Path
) -> None:
    """Wherever the option stands; what is said names the runs in a way that can be given again."""
    assert tidemill("run", "watch", "--user", "alice", "1").code == 0
    assert tidemill("run", "watch", "2", "--user=alice").code == 0
    assert [run["number"] for run in json_of("run", "list", "--user", "alice")] == [2, 1]
    assert json_of("run", "get", "user/alice", "1")["result"] == "success"
    assert tidemill("run", "explain", "--user", "alice", "1").out.startswith("succeeded in ")
    assert tidemill("run", "log", "1", "--user", "alice").out == "said\n"
    assert tidemill("log", "get", "--user", "alice", "1", "--lines", "1").out == "said\n"
    assert tidemill("run", "tests", "--user", "alice", "1").code == 0
    to = tmp_path / "file"
    assert tidemill("artifact", "get", "1", "file", "--user", "alice", "--to", str(to)).code == 0
    assert to.read_text() == "kept\n"
    again = json_of("run", "restart", "--user", "alice", "1")
    assert (again["number"], again["restarted_from"]) == (3, 1)
    assert tidemill("run", "watch", "--user", "alice", "3").code == 0
    assert tidemill("log", "delete", "--user", "alice", "1", "--step", "0").code == 0
    assert tidemill("run", "delete", "--user", "alice", "1", "2").out == "run #1 deleted\nrun #2 deleted\n"
    none = tidemill("run", "get", "--user", "alice", "1")
    assert none.complaint == "user/alice has no such run; see: tidemill run list user/alice"
    nobody = tidemill("run", "list", "--user", "nobody")
    assert (nobody.code, "nobody" in nobody.complaint) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "create", "--user", "alice", "--branch", "main"),
        ("run", "list", "--user"),
        ("run", "list", "--user", "a/b"),
        ("run", "list", "--user="),
        ("run", "get", "--user", "alice"),
        ("run", "list", "user/alice/hello", "--user", "alice"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    as_alice: User, tidemill: Tidemill, words: tuple[str, ...]
) -> None:
    """Nothing is printed, and the exit code says that the command line is wrong."""
    answer = tidemill(*words)
    assert (answer.code, answer.out) == (2, "")


def test_the_user_is_put_where_a_project_stands() -> None:
    """Before all else that the command is given."""
    given = ["run", "log", "1", "--task", "t", "--user", "alice"]
    assert with_user_first(given, 2) == ["run", "log", "user/alice", "1", "--task", "t"]
    assert with_user_first(["run", "log", "p", "1", "--", "--user"], 2)[2:] == ["p", "1", "--", "--user"]
    with pytest.raises(BadRequest):
        with_user_first(["run", "log", "--user", "--task"], 2)


def test_users_have_every_route_that_projects_have() -> None:
    """But for making a run of a branch, which only a project has."""
    of_projects = {name for name in dir(Gateway) if "project_run" in name}
    without = {name for name in of_projects if not hasattr(Gateway, name.replace("project_run", "user_run"))}
    assert without == {"create_project_run"}
