"""The commands against a real server: users, projects, runs and logs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tidemill, process
from tests.system.server import Project, User, Work, config
from tidemill.cli.app import run

HOST = {"type": "host"}
BYTES = r"printf 'one\ntwo \033[31mred\033[0m \303\274 \377\000 end'"
PRINTED = b"one\r\ntwo \x1b[31mred\x1b[0m \xc3\xbc \xff\x00 end"
TASKS = [
    {"name": "good", "runtime": HOST, "steps": [{"run": BYTES}, {"run": "echo second"}]},
    {"name": "bad", "runtime": HOST, "steps": [{"run": "echo trying; exit 3"}]},
]
BRANCHES = 35


def pushed(directory: Path, project: Project, files: dict[str, str]) -> Work:
    work = Work(directory, project)
    work.commit(files)
    work.push()
    return work


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory, alice: User) -> Project:
    """A project whose run 1 has failed: one task was good, one bad."""
    text = json.dumps({"runs": [{"name": "both", "tasks": TASKS}]})
    work = pushed(tmp_path_factory.mktemp("failed"), alice.project("failed"), {".tidemill/config.yml": text})
    work.project.finished(1)
    return work.project


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, alice: User) -> Project:
    """A project with more runs than a page holds."""
    work = Work(tmp_path_factory.mktemp("many"), alice.project("many"))
    work.commit(config("true"))
    work.git("push", "-q", "origin", *(f"HEAD:refs/heads/b{number}" for number in range(BRANCHES)))
    return work.project


@pytest.fixture
def json_of(tidemill: Tidemill) -> Callable[..., Any]:
    """What a command answers with `-o json`."""

    def call(*words: str) -> Any:
        answer = tidemill(*words, "-o", "json")
        assert (answer.code, answer.err) == (0, "")
        return json.loads(answer.out)

    return call


def test_users_and_tokens(as_administrator: None, tidemill: Tidemill, json_of: Callable[..., Any]) -> None:
    """The administrator creates a user and a token, lists users, and deletes the token."""
    assert json_of("user", "create", "carol")["username"] == "carol"
    token = tidemill("user", "token", "create", "carol", "laptop").out.strip()
    assert json_of("project", "list", "--token", token) == []
    assert "carol" in [user["username"] for user in json_of("user", "list")]
    heading, *rows = tidemill("user", "list", "-o", "table").out.splitlines()
    assert heading.split() == ["NAME", "ID", "TOKENS"]
    (row,) = [row for row in rows if row.startswith("carol ")]
    assert row.endswith("laptop")
    assert tidemill("user", "disable", "carol").code == 0
    assert "does not know this token" in tidemill("project", "list", "--token", token).complaint
    assert tidemill("user", "enable", "carol").code == 0
    assert json_of("project", "list", "--token", token) == []
    assert tidemill("user", "token", "delete", "carol", "laptop").code == 0
    assert "does not know this token" in tidemill("project", "list", "--token", token).complaint
    again = tidemill("user", "create", "carol")
    assert again.code == 1
    assert "carol" in again.complaint


def test_projects(as_alice: User, tidemill: Tidemill, json_of: Callable[..., Any]) -> None:
    """A user creates a project and finds it in the list."""
    created = json_of("project", "create", "shown", "--visibility", "public")
    assert created["path"] == "user/alice/shown"
    assert created in json_of("project", "list")
    assert created in json_of("project", "list", "user/alice")
    heading, *rows = tidemill("project", "list", "-o", "table").out.splitlines()
    assert heading.split() == ["PATH", "VISIBILITY", "ID"]
    assert ["user/alice/shown", "public", created["id"]] in [row.split() for row in rows]
    assert tidemill("project", "create", "shown").code == 1


def test_a_run_is_shown_with_its_tasks(
    as_alice: User, failed: Project, tidemill: Tidemill, json_of: Callable[..., Any]
) -> None:
    """`run get` has the run and a line for each task."""
    lines = [line.split() for line in tidemill("run", "get", failed.path, "1").out.splitlines() if line]
    assert lines[0][:4] == ["NUMBER", "NAME", "PHASE", "RESULT"]
    assert lines[1][:4] == ["1", "both", "finished", "failed"]
    assert [line[:2] for line in lines[2:]] == [["TASK", "STATUS"], ["bad", "failed"], ["good", "success"]]
    assert json_of("run", "get", failed.path, "1")["result"] == "failed"
    missing = tidemill("run", "get", failed.path, "99")
    assert missing.code == 1
    assert missing.complaint


def test_a_list_goes_beyond_a_page(
    as_alice: User, many: Project, tidemill: Tidemill, json_of: Callable[..., Any]
) -> None:
    """`--limit` is kept over pages; runs come newest first, each once."""
    numbers = [run["number"] for run in json_of("run", "list", many.path, "--limit", "33")]
    assert numbers == list(range(BRANCHES, BRANCHES - 33, -1))
    assert len(json_of("run", "list", many.path, "--limit", "100")) == BRANCHES
    assert len(json_of("run", "list", many.path)) == 10
    assert len(tidemill("run", "list", many.path, "--limit", "2", "-o", "table").out.splitlines()) == 3
    for number in range(1, BRANCHES + 1):
        many.finished(number)
    phases = ("--phase", "finished", "--phase", "queued")
    assert len(json_of("run", "list", many.path, "--limit", "100", *phases)) == BRANCHES
    assert json_of("run", "list", many.path, "--phase", "queued") == []


def test_a_log_is_byte_exact(
    as_alice: User, failed: Project, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`log get` prints what the step printed, escape sequences and broken text too."""
    for more in ([], ["-f"], ["--step", "0"]):
        assert run(["log", "get", failed.path, "1", "--task", "good", *more]) == 0
        assert capfdbinary.readouterr() == (PRINTED, b"")
    assert run(["log", "get", failed.path, "1", "--task", "good", "--step", "1"]) == 0
    assert capfdbinary.readouterr().out == b"second\r\n"


def test_a_task_must_be_named(as_alice: User, failed: Project, tidemill: Tidemill) -> None:
    """Without --task, or with a wrong one, the tasks are listed."""
    unnamed = tidemill("log", "get", failed.path, "1")
    assert unnamed.code == 2
    assert "--task" in unnamed.complaint
    assert unnamed.complaint.endswith("bad, good")
    wrong = tidemill("log", "get", failed.path, "1", "--task", "nobody")
    assert wrong.code == 1
    assert wrong.complaint == "run #1 has no task 'nobody'; its tasks: bad, good"
    assert tidemill("log", "get", failed.path, "1", "--task", "good", "--step", "7").code == 1


def test_a_finished_run_is_watched(
    as_alice: User, failed: Project, many: Project, tidemill: Tidemill
) -> None:
    """`run watch` prints plain lines off a terminal; its exit code is the result."""
    answer = tidemill("run", "watch", failed.path, "1")
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert lines[-1] == "run #1 both: failed"
    assert "bad | trying" in lines
    assert "good | two red ü \ufffd end" in lines
    assert any(line.startswith("bad: failed ") for line in lines)
    assert tidemill("run", "watch", many.path, "1").code == 0


def test_a_run_is_restarted(as_alice: User, failed: Project, json_of: Callable[..., Any]) -> None:
    """A restart is a new run; `--from-failed` keeps what succeeded."""
    kept = json_of("run", "restart", failed.path, "1", "--from-failed")
    before = {task["name"]: task for task in failed.run(1)["tasks"].values()}
    after = {task["name"]: task for task in failed.finished(kept["number"])["tasks"].values()}
    assert after["good"]["start_time"] == before["good"]["start_time"]
    assert after["bad"]["start_time"] != before["bad"]["start_time"]
    fresh = json_of("run", "restart", failed.path, "1")
    anew = {task["name"]: task for task in failed.finished(fresh["number"])["tasks"].values()}
    assert anew["good"]["start_time"] != before["good"]["start_time"]


@pytest.mark.parametrize("option", [("--branch", "main"), ("--ref", "refs/heads/main")])
def test_a_run_is_created(
    as_alice: User, failed: Project, tidemill: Tidemill, json_of: Callable[..., Any], option: tuple[str, str]
) -> None:
    """A branch or ref as it stands becomes a run."""
    (made,) = json_of("run", "create", failed.path, *option)["runs"]
    assert failed.finished(made["number"])["name"] == "both"
    missing = tidemill("run", "create", failed.path, option[0], option[1] + "-nowhere")
    assert missing.code == 1
    assert "main-nowhere" in missing.complaint


def test_a_running_run_is_followed_and_stopped(as_alice: User, tmp_path: Path, tidemill: Tidemill) -> None:
    """`log get -f` and `run watch` go on until the run is stopped; the watcher exits 1."""
    work = pushed(tmp_path, as_alice.project("long"), config("echo begun; exec sleep 300"))
    environment = {"TIDEMILL_GATEWAY_URL": as_alice.server.url, "TIDEMILL_TOKEN": as_alice.token}
    watch = process("run", "watch", work.project.path, "1", environment=environment)
    assert watch.stdout
    assert "task | begun\n" in iter(watch.stdout.readline, "")
    follow = process("log", "get", "-f", work.project.path, "1", environment=environment)
    assert follow.stdout
    assert follow.stdout.readline() == "begun\n"
    stopped = tidemill("run", "stop", work.project.path, "1")
    assert (stopped.code, stopped.err) == (0, "")
    assert watch.communicate(timeout=30)[1] == ""
    assert watch.returncode == 1
    assert follow.communicate(timeout=30) == ("", "")
    assert follow.returncode == 0
    again = tidemill("run", "stop", work.project.path, "1")
    assert again.code == 1
    assert again.complaint


def test_a_setup_error_is_shown(as_alice: User, tmp_path: Path, tidemill: Tidemill) -> None:
    """A wrong configuration's error is in `run get` and `run watch`, inert."""
    text = r'runs: [{name: a, tasks: [{name: t, runtime: {type: "\e[31mred"}}]}]'
    work = pushed(tmp_path, as_alice.project("wrong"), {".tidemill/config.yml": text})
    for command, code in (("get", 0), ("watch", 1)):
        answer = tidemill("run", command, work.project.path, "1")
        assert answer.code == code
        assert ".tidemill/config.yml:1:" in answer.out
        assert "\x1b" not in answer.out


def test_a_reader_that_leaves_is_no_failure(as_alice: User, many: Project) -> None:
    """`tidemill run list … | head -1` prints one line and no traceback."""
    environment = {"TIDEMILL_GATEWAY_URL": as_alice.server.url, "TIDEMILL_TOKEN": as_alice.token}
    for words in (["run", "list"], ["run", "watch"]):
        numbers = [] if words[1] == "list" else ["1"]
        started = process(*words, many.path, *numbers, environment=environment)
        assert started.stdout
        assert started.stderr
        started.stdout.close()
        assert started.wait(30) == 0
        assert started.stderr.read() == ""
        started.stderr.close()
