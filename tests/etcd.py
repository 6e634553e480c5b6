"""An etcd of the tests' own: Debian's etcd-server on free loopback ports, in directories of its own."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import threading
import traceback
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from anyio._backends._asyncio import TestRunner

from tests.require import require

PROGRAM = shutil.which("etcd")
SECONDS = 60.0

#: What one member says when it takes requests.
READY = "ready to serve client requests"


class Etcd:
    """One member: a process that a test can stop, freeze, kill, and rob of its data."""

    def __init__(self, folder: Path, *options: str, name: str = "one", scheme: str = "http") -> None:
        require("etcd", PROGRAM is not None, "install etcd-server")
        self.folder = folder
        self.name = name
        self.client, self.peer = free_port(), free_port()
        self.cluster = [self]
        self._scheme = scheme
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._said: list[str] = []

    @property
    def url(self) -> str:
        """What `coordinator.url` is for this member alone."""
        return f"{'https' if self._scheme == 'https' else 'etcd'}://127.0.0.1:{self.client}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.client}"

    def begin(self) -> "Etcd":
        """Start it; it is ready later."""
        assert PROGRAM is not None
        client, peer = f"{self._scheme}://127.0.0.1:{self.client}", f"http://127.0.0.1:{self.peer}"
        settings = {
            "name": self.name,
            "data-dir": str(self.folder / self.name),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": ",".join(f"{m.name}=http://127.0.0.1:{m.peer}" for m in self.cluster),
            "initial-cluster-token": self.folder.name,
            "logger": "zap",
            "log-outputs": "stderr",
        }
        command = [PROGRAM, *(f"--{name}={value}" for name, value in settings.items()), *self._options]
        self._ready, self._said = threading.Event(), []
        environment = {"PATH": os.defpath}
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        threading.Thread(target=self._listen, args=(self._process, self._ready), daemon=True).start()
        return self

    def start(self) -> "Etcd":
        """Start it, and wait until it answers."""
        return self.begin().wait()

    def wait(self) -> "Etcd":
        """Wait until it takes requests."""
        if not self._ready.wait(SECONDS) or self._process is None or self._process.poll() is not None:
            raise AssertionError("etcd has not started:\n" + "\n".join(self._said[-20:]))
        return self

    def freeze(self) -> None:
        """Stop it where it is; once back, none of its threads runs any more."""
        self._send(signal.SIGSTOP)
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a farewell."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None

    def wipe(self) -> None:
        """Lose all data; it must not run."""
        assert self._process is None
        shutil.rmtree(self.folder / self.name)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listen(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self._said = [*self._said[-50:], line]
                if (
                    READY in line
                    or "serving insecure client requests" in line
                    or "serving client traffic" in line
                ):
                    ready.set()
        ready.set()


def cluster(folder: Path, *options: str) -> list[Etcd]:
    """Three members of one cluster, not started yet."""
    members = [Etcd(folder, *options, name=name) for name in ("one", "two", "three")]
    for member in members:
        member.cluster = members
    return members


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def forgive_late_answers() -> None:
    """Let no test fail for what grpc delivers to the event loop of a test before it.

    The poller of grpc is one for all event loops of a process, and it calls those too that are closed.
    """
    report = TestRunner._exception_handler

    def handler(runner: TestRunner, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        frames = traceback.extract_tb(error.__traceback__) if isinstance(error, RuntimeError) else []
        is_late = str(error) == "Event loop is closed" and any("grpc" in frame.filename for frame in frames)
        if not is_late:
            report(runner, loop, context)

    TestRunner._exception_handler = handler  # type: ignore[method-assign]


forgive_late_answers()


async def settled() -> None:
    """Every call that has been cancelled is over in grpc too.

    grpc delivers what is left of one to the event loop that it was made in, and fails in the next loop
    when that is closed.
    """
    calls = [task for task in asyncio.all_tasks() if "_handle_status_once_received" in repr(task.get_coro())]
    if calls:
        _, open_ = await asyncio.wait(calls, timeout=SECONDS)
        assert not open_
    async with grpc.aio.insecure_channel("unix:/nowhere") as channel:  # what is answered now was asked last
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary("/nothing")(b"", timeout=SECONDS)
