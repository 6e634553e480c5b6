"""The command line as a whole: its commands, its help, and one line for whatever goes wrong."""

import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from cyclopts import App

from tests.cli.conftest import NOWHERE, Answer, Tidemill, completed, process
from tests.system.server import User, Work, config
from tidemill import __version__
from tidemill.cli.app import app


def commands(parent: App, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name in parent:
        if not name.startswith("-"):
            yield from commands(parent[name], (*words, name))


ALL = list(commands(app))


#: `exec` has its examples in a list, `run log` is `log get`.
SAME = {("exec",), ("run", "log")}


def is_leaf(words: tuple[str, ...]) -> bool:
    """It does something, and is no group of commands."""
    command = app
    for word in words:
        command = command[word]
    return command.default_command is not None


WRONG = {
    "nonsense": ('"nonsense"', "tidemill --help"),
    "run nonsense": ("Available commands", "tidemill run --help"),
    "--bogus": ('"--bogus"', "tidemill --help"),
    "run list": ("PROJECT is missing", "tidemill run list --help"),
    "run get a": ("NUMBER is missing", "tidemill run get --help"),
    "run get a first": ('"first"', "tidemill run get --help"),
    "run list --bogus": ("--bogus", "tidemill run list --help"),
    "run list a b c": ("unexpected argument: b c", "tidemill run list --help"),
    "run list a --limit": ("--limit", "tidemill run list --help"),
    "run list a --limit many": ('"many"', "tidemill run list --help"),
    "run list a --limit 0": ("--limit", ">= 1"),
    "run get a 0": ("NUMBER", ">= 1"),
    "run get a -- -1": ("NUMBER", ">= 1"),
    "log get a 1 --step -1": ("--step", ">= 0"),
    "run list a -o xml": ('"table", "json"', "tidemill run list --help"),
    "config show -o xml": ('"yaml", "json"', "tidemill config show --help"),
    "project create a --visibility odd": ('"public", "private"', "tidemill project create --help"),
    "run create a": ("exactly one", "--branch, --tag and --ref"),
    "run create a --branch b --tag t": ("exactly one", "--branch, --tag and --ref"),
    "lint --bogus": ("--bogus", "tidemill lint --help"),
    "lint -o xml": ('"text", "json", "github"', "tidemill lint --help"),
    "plan --branch b --tag t": ("--branch and --tag contradict", "give one of them"),
    "plan --branch b --ref refs/heads/b --pull-request 1": ("--branch and --ref and --pull-request", "one"),
    "plan --branch=": ("--branch must not be empty",),
    "plan --ref main": ("refs/heads/NAME", "refs/pull/NUMBER/head"),
    "plan --event push --pull-request 1": ("--event push", "contradict"),
    "plan --pull-request main": ("--pull-request main", "its number"),
    "plan --event pull_request --branch b": ("--pull-request N",),
    "plan --event push --input a=b": ("--input", "--event push", "manual"),
    "plan --input a": ("--input NAME=VALUE",),
    "plan --var =a": ("--var NAME=VALUE",),
    "plan a b": ("unexpected argument: b", "tidemill plan --help"),
    "log get a 1 --setup --step 0": ("one of", "--step and --setup"),
}


def test_the_version_is_told() -> None:
    """`tidemill --version` prints name and version."""
    assert completed("--version") == Answer(0, f"tidemill {__version__}\n", "")


INTERRUPTED = """
import sys
class CtrlC:
    def find_spec(self, name, path, target=None):
        if name == "rich" or name.startswith("cyclopts"):
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
from tidemill.__main__ import main
sys.argv = ["tidemill", "user", "list"]
main()
"""


def test_ctrl_c_while_a_command_is_loaded_is_quiet() -> None:
    """Whoever changes their mind at once sees no traceback."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_commands_are_those_of_the_manual() -> None:
    """Every command group is there with its commands."""
    assert ("user", "token", "create") in ALL
    assert {words[0] for words in ALL if words} == {
        "artifact",
        "audit",
        "cache",
        "completion",
        "config",
        "delivery",
        "demo",
        "directrun",
        "events",
        "exec",
        "executor",
        "lint",
        "log",
        "login",
        "logout",
        "org",
        "password",
        "plan",
        "project",
        "projectgroup",
        "push",
        "remotesource",
        "run",
        "sealing-key",
        "secret",
        "serve",
        "user",
        "variable",
        "version",
        "whoami",
    }


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help(tidemill: Tidemill, words: tuple[str, ...]) -> None:
    """`--help` names the command and describes every option that it has."""
    answer = tidemill(*words, "--help")
    assert answer.code == 0
    assert answer.err == ""
    assert answer.out.split("\n")[0].startswith(f"Usage: {' '.join(['tidemill', *words])}")
    if words in {("run", "list"), ("user", "create"), ("log", "get")}:
        assert "TIDEMILL_GATEWAY_URL" in answer.out
        assert "--token" in answer.out


@pytest.mark.parametrize("words", [words for words in ALL if is_leaf(words)], ids=" ".join)
def test_help_has_an_example(tidemill: Tidemill, words: tuple[str, ...]) -> None:
    """Whatever can be done is shown being done."""
    text = " ".join(tidemill(*words, "--help").out.split())
    assert re.search(f"For example: .*tidemill {' '.join(words)}", text) or words in SAME


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_says_what_a_project_is_and_no_default_that_is_nothing(
    tidemill: Tidemill, words: tuple[str, ...]
) -> None:
    """Defaults that mean "none" and "no" go without saying; a project is explained wherever it is asked for."""
    text = " ".join(tidemill(*words, "--help").out.split())
    for nothing in ("[default: False]", '[default: ""]', "[default: ()]", "[default: None]"):
        assert nothing not in text
    assert "PROJECT --project [required]" not in text


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_line_is_one_line(tidemill: Tidemill, line: str) -> None:
    """A wrong command line exits 2 with one line that says what is wrong and where to read on."""
    answer = tidemill(*line.split())
    assert answer.code == 2
    for part in WRONG[line]:
        assert part in answer.complaint


@pytest.mark.parametrize("words", ["run list a", "run watch a 1", "log get a 1", "user list"])
def test_no_server_is_said(tidemill: Tidemill, words: str) -> None:
    """Without a server a command exits 1 at once and says how to name another."""
    answer = tidemill(*words.split(), "--gateway-url", NOWHERE)
    assert answer.code == 1
    assert f"{NOWHERE} does not answer" in answer.complaint
    assert "--gateway-url or TIDEMILL_GATEWAY_URL" in answer.complaint


def test_an_option_wins_over_the_environment(tidemill: Tidemill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is the option's, else the variable's."""
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", "http://127.0.0.1:2")
    assert "127.0.0.1:2 does not" in tidemill("user", "list").complaint
    assert "127.0.0.1:1 does not" in tidemill("user", "list", "--gateway-url", NOWHERE).complaint


@pytest.mark.parametrize(
    "address",
    ["ftp://x", "x", "http://", "http://127.0.0.1:99999", "http://127.0.0.1:8000 x", "http://h:port"],
)
def test_an_address_that_is_none_is_refused(tidemill: Tidemill, address: str) -> None:
    """What cannot be an address is answered with what an address looks like."""
    answer = tidemill("user", "list", "--gateway-url", address)
    assert answer.code == 1
    assert "begins with http:// or https://, such as http://127.0.0.1:8000" in answer.complaint


@pytest.mark.parametrize("token", ["with\nline", "with blank", "t\u00f6ken", "\x1b[31m"])
def test_a_token_that_is_none_is_refused(tidemill: Tidemill, token: str) -> None:
    """What cannot be a token is refused without being shown or sent."""
    answer = tidemill("user", "list", "--token", token, "--gateway-url", NOWHERE)
    assert answer.code == 1
    assert "the token has characters that no token has" in answer.complaint
    assert token not in answer.complaint


def test_an_address_with_a_path_is_explained(as_alice: User, tidemill: Tidemill) -> None:
    """Whoever gives the address of the API instead of the server's is told so."""
    answer = tidemill("user", "list", "--gateway-url", f"{as_alice.server.url}/api/v1alpha")
    assert answer.code == 1
    assert "--gateway-url is a server's address alone" in answer.complaint


class Strange(BaseHTTPRequestHandler):
    """Answers everything as no server of ours would."""

    status = 200

    def do_GET(self) -> None:
        body = b"<html>\n<p>Welcome</p>\n</html>\n"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("status", [200, 403, 404, 500, 502, 503])
@pytest.mark.parametrize("words", ["run list user/a/b", "run watch user/a/b 1", "log get user/a/b 1"])
def test_a_strange_server_is_one_line(tidemill: Tidemill, words: str, status: int) -> None:
    """Pages of another program are no answer, no absence, and are not shown."""
    strange = type("Strange", (Strange,), {"status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), strange) as other:
        thread = Thread(target=other.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{other.server_port}"
        answer = tidemill(*words.split(), "--gateway-url", address)
        other.shutdown()
        thread.join()
    assert answer.code == 1
    assert address in answer.complaint or "what is not expected" in answer.complaint
    assert "<p>" not in answer.complaint


@pytest.mark.parametrize("words", ["--help", "config show", "run list P", "run watch P 1", "log get P 1"])
def test_output_that_cannot_be_written_is_one_line(alice: User, tmp_path: Path, words: str) -> None:
    """A full disk behind the output is said, and is a failure."""
    project = alice.project(f"full{uuid4().hex[:8]}")
    work = Work(tmp_path / "work", project)
    work.commit(config("echo hello"))
    work.push()
    project.finished(1)
    environment = {"TIDEMILL_GATEWAY_URL": alice.server.url, "TIDEMILL_TOKEN": alice.token}
    with Path("/dev/full").open("w") as full:
        started = process(*words.replace("P", project.path).split(), environment=environment, stdout=full)
        _, err = started.communicate(timeout=30)
    assert (started.returncode, err) == (1, "tidemill: No space left on device\n")


def test_a_project_without_its_path_is_explained(as_alice: User, tidemill: Tidemill) -> None:
    """A bare name is answered with what a path looks like."""
    answer = tidemill("run", "list", "hello")
    assert "a project is named by its path, such as user/alice/hello" in answer.complaint


def test_what_a_project_has_not_is_said_with_its_path(as_alice: User, tidemill: Tidemill) -> None:
    """Runs and repositories that do not exist are told of in the user's words, with what to do."""
    path = as_alice.project("bare").path
    for words in ("run get P 7", "run watch P 7", "run stop P 7", "log get P 7"):
        answer = tidemill(*words.replace("P", path).split())
        assert (answer.code, answer.complaint) == (
            1,
            f"{path} has no such run; see: tidemill run list {path}",
        )
    answer = tidemill("run", "create", path, "--branch", "main")
    assert answer.code == 1
    assert f"push to {as_alice.server.url}/git/{path}.git" in answer.complaint


def test_the_administrator_is_told_to_name_a_group(as_administrator: None, tidemill: Tidemill) -> None:
    """The administrator's token is no user: it has no projects of its own."""
    assert "name a project group: user/alice" in tidemill("project", "list").complaint
    assert "name a project group: --parent user/alice" in tidemill("project", "create", "x").complaint


@pytest.mark.parametrize(
    "words",
    ["run list P", "run get P 1", "run watch P 1", "run restart P 1", "log get P 1", "project list P"],
)
def test_a_project_that_does_not_exist_is_named(as_alice: User, tidemill: Tidemill, words: str) -> None:
    """A command about a project that does not exist exits 1 with one line that names it."""
    answer = tidemill(*words.replace("P", "user/alice/nowhere").split())
    assert answer.code == 1
    assert "user/alice/nowhere" in answer.complaint


def test_a_wrong_token_is_said(as_alice: User, tidemill: Tidemill) -> None:
    """A token that nobody has is refused with the ways to give another."""
    answer = tidemill("project", "list", "--token", "wrong")
    assert answer.code == 1
    assert answer.complaint == (
        "the server does not know this token; give one with --token or TIDEMILL_TOKEN, "
        "or log in: tidemill login"
    )


def test_a_missing_token_is_said(as_alice: User, tidemill: Tidemill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token a command that needs one says so."""
    monkeypatch.delenv("TIDEMILL_TOKEN")
    answer = tidemill("project", "list")
    assert answer.code == 1
    assert "a token is needed" in answer.complaint


def test_what_is_not_allowed_is_one_line(as_alice: User, tidemill: Tidemill) -> None:
    """A user without the right gets one line."""
    answer = tidemill("user", "list")
    assert answer.code == 1
    assert answer.complaint
