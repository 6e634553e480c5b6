"""A real server in a process of its own, and what a user does with it."""

import json
import os
import select
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx2

from tidemill.pods.host.removal import remove

TIDEMILL = str(Path(sys.executable).with_name("tidemill"))
READY_SECONDS = 30
#: Made once: each client would read the certificates of all authorities again, for 70 ms.
TLS = ssl.create_default_context()


class Server:
    """`tidemill serve` on a free loopback port; start, kill and start again on the same data."""

    def __init__(
        self,
        data: Path,
        *,
        components: str = "",
        environment: Mapping[str, str] | None = None,
        listen: str = "127.0.0.1:0",
    ) -> None:
        self.data = data
        self.components = components
        self.environment = dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.log = data.with_suffix(".log")
        self._listen = listen

    def start(self) -> "Server":
        command = [TIDEMILL, "serve", "--data-dir", str(self.data), "--listen", self._listen]
        if self.components:
            command += ["--components", self.components]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TIDEMILL_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=environment | self.environment
            )
        self.url = self._ready()
        self._listen = self.url.partition("://")[2]  # a restart keeps the address
        return self

    def _ready(self) -> str:
        assert self.process
        assert self.process.stdout
        deadline = time.monotonic() + READY_SECONDS
        seen = b""
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self.process.stdout], [], [], 1)
            if readable:
                block = os.read(self.process.stdout.fileno(), 65536)
                seen += block
                for line in seen.decode().splitlines():
                    if line.startswith("Tidemill is ready: "):
                        return line.removeprefix("Tidemill is ready: ").split()[0]
                if not block:
                    break
        raise AssertionError(f"the server did not become ready:\n{seen.decode()}\n{self.log.read_text()}")

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self.process
        self.process.kill()
        self._ended()

    def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.terminate()
        return self._ended()

    def clear_away(self) -> None:
        """End what outlives the server by design: the pods of its tasks."""
        pods = sorted((self.data / "executor" / "pods").glob("[!.]*"))
        anyio.run(_remove_all, pods)

    def _ended(self) -> int:
        assert self.process
        assert self.process.stdout
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    @property
    def admin_token(self) -> str:
        given = self.environment.get("TIDEMILL_GATEWAY_ADMIN_TOKEN")
        return given or (self.data / "admin-token").read_text().strip()

    def user(self, name: str) -> "User":
        """Create a user with a token."""
        admin = User(self, "", self.admin_token)
        admin.post("/users", {"username": name})
        answer = admin.post(f"/users/{name}/tokens", {"token_name": "test"})
        return User(self, name, answer["token"])


async def _remove_all(pods: Sequence[Path]) -> None:
    for pod in pods:
        await remove(pod)


class User:
    """Someone with a token at a server's public API."""

    def __init__(self, server: Server, name: str, token: str) -> None:
        self.server = server
        self.name = name
        self.token = token

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> httpx2.Response:
        return httpx2.request(
            method,
            f"{self.server.url}/api/v1alpha{path}",
            content=None if body is None else json.dumps(body),
            params=query,
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
            verify=TLS,
        )

    def get(self, path: str, **query: Any) -> Any:
        answer = self.request("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.request("POST", path, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json() if answer.content else None

    def put(self, path: str, body: Any) -> httpx2.Response:
        return self.request("PUT", path, body)

    def project(self, name: str, visibility: str = "private") -> "Project":
        self.post(
            "/projects",
            {
                "name": name,
                "parent_ref": f"user/{self.name}",
                "visibility": visibility,
                "remote_source_name": "builtin",
            },
        )
        return Project(self, f"user/{self.name}/{name}")


class Project:
    """A project of a user, with its repository and its runs."""

    def __init__(self, user: User, path: str) -> None:
        self.user = user
        self.path = path
        self.ref = f"/projects/{quote(path, safe='')}"

    @property
    def git_url(self) -> str:
        return (
            self.user.server.url.replace("http://", f"http://x:{self.user.token}@") + f"/git/{self.path}.git"
        )

    def runs(self) -> list[dict[str, Any]]:
        return self.user.get(f"{self.ref}/runs", limit=0)

    def run(self, number: int) -> dict[str, Any]:
        return self.user.get(f"{self.ref}/runs/{number}")

    def states(self, number: int) -> Iterator[dict[str, Any]]:
        """The run after each change, until it is final: the server tells, nobody polls."""
        with httpx2.stream(
            "GET",
            f"{self.user.server.url}/api/v1alpha{self.ref}/runs/{number}/follow",
            headers={"Authorization": f"token {self.user.token}"},
            timeout=60,
            verify=TLS,
        ) as answer:
            assert answer.status_code == 200, answer.read()
            for line in answer.iter_lines():
                if line.strip():
                    yield json.loads(line)

    def finished(self, number: int) -> dict[str, Any]:
        """The run once it is final."""
        last = list(self.states(number))[-1]
        assert last["phase"] in ("finished", "cancelled", "setuperror"), last
        return last

    def log(self, number: int, task: str, step: int) -> bytes:
        """The log of a step as it stands, by the task's name."""
        answer = self.user.request("GET", self._log_path(number, task), step=step)
        assert answer.status_code == 200, answer.text
        return answer.content

    def log_blocks(self, number: int, task: str, step: int) -> Iterator[bytes]:
        """The log of a step as it grows, until the step has ended."""
        with httpx2.stream(
            "GET",
            f"{self.user.server.url}/api/v1alpha{self._log_path(number, task)}?step={step}&follow",
            headers={"Authorization": f"token {self.user.token}"},
            timeout=60,
            verify=TLS,
        ) as answer:
            assert answer.status_code == 200, answer.read()
            yield from answer.iter_raw()

    def _log_path(self, number: int, task: str) -> str:
        (task_id,) = [t["id"] for t in self.run(number)["tasks"].values() if t["name"] == task]
        return f"{self.ref}/runs/{number}/tasks/{task_id}/logs"


class Work:
    """A local work tree whose pushes make runs."""

    def __init__(self, directory: Path, project: Project) -> None:
        self.directory = directory
        self.project = project
        directory.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", project.git_url)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def commit(self, files: Mapping[str, str], message: str = "change") -> None:
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            self.git("add", name)
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def push(self, branch: str = "main") -> str:
        """Push HEAD to a branch; answers what git printed."""
        return self.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")


def config(command: str, **task: Any) -> dict[str, str]:
    """Files of a repository with one run of one task of one host step."""
    one = {
        "name": "task",
        "runtime": {"type": "host"},
        "steps": [{"run": {"name": "step", "command": command}}],
    }
    return {".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": [one | task]}]})}
