"""The same work without Tidemill, measured in the same run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

SANDBOX = [
    "bwrap",
    "--unshare-pid",
    "--unshare-ipc",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
]
APP = """
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
app = Starlette(routes=[Route("/", lambda request: Response(b"{}"))])
config = uvicorn.Config(app, port=0, log_level="critical", loop="uvloop")
server = uvicorn.Server(config)
sock = config.bind_socket()
sock.listen(128)
print(sock.getsockname()[1], flush=True)
server.run([sock])
"""


def by_hand(sandbox: str | None, commands: int = 3) -> float:
    """Seconds that the commands of a run take one after another, output captured."""
    prefix = SANDBOX if sandbox else []
    began = time.perf_counter()
    for _ in range(commands):
        subprocess.run([*prefix, "/bin/sh", "-c", "true"], capture_output=True, check=True)
    return time.perf_counter() - began


class PlainPush:
    """A work tree whose pushes go to a bare repository beside it."""

    def __init__(self, directory: Path) -> None:
        self._work, self._bare = directory / "work", directory / "bare"
        self._environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        self._git("init", "-q", "--bare", str(self._bare))
        self._git("init", "-q", str(self._work))

    def seconds(self) -> float:
        """How long a push of one empty commit takes."""
        self._git("-C", str(self._work), "commit", "-q", "--allow-empty", "-m", "change")
        began = time.perf_counter()
        self._git("-C", str(self._work), "push", "-q", str(self._bare), "HEAD:refs/heads/main")
        return time.perf_counter() - began

    def _git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.invalid"]
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, env=self._environment)


@contextmanager
def plain_server() -> Iterator[str]:
    """The address of a bare server of the same make, which answers everything with a constant."""
    server = subprocess.Popen([sys.executable, "-c", APP], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.terminate()
        server.wait(10)


def plain_http(times: int) -> list[float]:
    """Seconds of a GET that the bare server answers, on one connection."""
    seconds = []
    with plain_server() as url, httpx2.Client() as client:
        for _ in range(times):
            began = time.perf_counter()
            client.get(f"{url}/").raise_for_status()
            seconds.append(time.perf_counter() - began)
    return seconds
