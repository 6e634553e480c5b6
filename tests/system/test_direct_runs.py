"""Direct runs as Agola's own client asks for them, and through a server that dies."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.system.server import TIDEMILL, TLS, Server, User, config

UUID = "5a0f8f0c-7f0e-4c39-9a4f-3f7a9d3f2b11"
SETTING = {"TIDEMILL_GATEWAY_ANONYMOUS_DIRECT_RUNS": "true"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that is open to its neighbours, as Agola's client needs it."""
    running = Server(tmp_path_factory.mktemp("direct") / "data", environment=SETTING).start()
    yield running
    assert running.stop() == 0
    running.clear_away()


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def as_agola(user: User, body: dict[str, Any]) -> httpx2.Response:
    """A request as Go's client sends it."""
    with httpx2.Client(verify=TLS) as http:
        url = f"{user.server.url}/api/v1alpha/user/createrun"
        request = http.build_request("POST", url, content=json.dumps(body))
        del request.headers["Accept"]
        request.headers |= {"Authorization": f"token {user.token}", "Content-Type": "application/json"}
        return http.send(request)


def test_agolas_client_and_a_server_that_dies(server: Server, alice: User, tmp_path: Path) -> None:
    """Pushed without credentials, run; after a kill the repository is there, and the run can be restarted."""
    for name, text in config("cat *.txt", steps=[{"clone": {}}, {"run": "cat *.txt"}]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "a.txt").write_text("content\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    tree = git(tmp_path, "write-tree")
    commit = git(tmp_path, "commit-tree", tree, "-m", "agola direct run")
    git(tmp_path, "update-ref", f"refs/gitsave/gitsavebranch-{UUID}", commit)
    user = alice.get("/user")["id"]
    path = f"{user}/{UUID}"
    pushed = f"refs/gitsave/gitsavebranch-{UUID}:refs/heads/master"
    git(tmp_path, "push", f"{server.url}/repos/{path}.git", pushed, "-f")
    body = {
        "repo_uuid": UUID,
        "repo_path": path,
        "branch": "master",
        "commit_sha": commit,
        "message": "agola direct run",
        "pull_request_ref_regexes": [r"refs/pull/(\d+)/head", r"refs/merge-requests/(\d+)/head"],
        "variables": None,
    }
    answer = as_agola(alice, body)
    assert (answer.status_code, answer.content) == (201, b"")
    assert _watched(alice, 1) == 0
    server.kill()
    server.start()
    alice.put("/users/alice/runs/1/actions", {"action_type": "restart", "from_start": True})
    assert _watched(alice, 2) == 0
    listed = alice.get("/users/alice/runs")
    assert [(run["number"], run["result"]) for run in listed] == [(2, "success"), (1, "success")]


def _watched(user: User, number: int) -> int:
    """The exit code of `run watch`."""
    command = [TIDEMILL, "run", "watch", "--user", user.name, str(number), "--gateway-url", user.server.url]
    return subprocess.run([*command, "--token", user.token], check=False, timeout=60).returncode


def test_a_server_that_others_reach_is_not_opened(tmp_path: Path) -> None:
    """It does not start, and says why."""
    command = [
        sys.executable,
        "-m",
        "tidemill",
        "serve",
        "--data-dir",
        str(tmp_path),
        "--listen",
        "0.0.0.0:0",
    ]
    environment = SETTING | {"TIDEMILL_SERVICE_TOKEN": "t", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "gateway.anonymous_direct_runs is for loopback addresses" in done.stderr
