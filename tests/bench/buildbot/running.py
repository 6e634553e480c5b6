"""A Buildbot master and its worker as processes, and what the master's diary says of its builds."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.etcd import free_port

#: Where `make bench` has installed it.
PROGRAMS = Path(".venv/buildbot/bin").absolute()
CONFIGURATION = Path(__file__).with_name("master.py")
_PATIENCE = 300.0


class Buildbot:
    """A running master with one worker of four builds at once."""

    def __init__(self, directory: Path, printing: str) -> None:
        self.directory = directory
        self.diary = directory / "diary"
        self.diary.touch()
        self._http, self._workers = free_port(), free_port()
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "BENCH_PRINT": printing,
            "BENCH_DIARY": str(self.diary),
            "BENCH_HTTP": str(self._http),
            "BENCH_WORKERS": str(self._workers),
        }
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self._http}/api/v2", timeout=30)
        self.master: subprocess.Popen[bytes]

    @contextmanager
    def running(self) -> Iterator["Buildbot"]:
        """Start both and wait until the worker has come; end both."""
        self._call("buildbot", "create-master", "-q", "master")
        (self.directory / "master" / "master.cfg").symlink_to(CONFIGURATION)
        address = f"127.0.0.1:{self._workers}"
        self._call("buildbot-worker", "create-worker", "-q", "worker", address, "local", "local")
        with ExitStack() as stack:
            stack.callback(self.client.close)
            self.master = self._begin("master", stack)
            self._until(self._answers, "the master has not started")
            self._begin("worker", stack)
            self._until(self._has_worker, "the worker has not come")
            yield self

    def trigger(self, builder: str) -> float:
        """Ask for a build; answers when it was asked."""
        at = time.time()
        wanted = {"jsonrpc": "2.0", "id": 1, "method": "force", "params": {"reason": "bench", "owner": "b"}}
        self.client.post(f"/forceschedulers/{builder}", json=wanted).raise_for_status()
        return at

    def events(self) -> list[dict[str, Any]]:
        """The whole diary."""
        return [json.loads(line) for line in self.diary.read_text().splitlines() if line.endswith("}")]

    def finished(self, count: int) -> list[dict[str, Any]]:
        """The diary once *count* builds in all have ended."""

        def are_over() -> bool:
            return self.diary.read_text().count('"builds finished"') >= count

        self._until(are_over, f"{count} builds have not ended")
        return self.events()

    def _begin(self, name: str, stack: ExitStack) -> "subprocess.Popen[bytes]":
        command = [PROGRAMS / "twistd", "--nodaemon", "--no_save", "-y", "buildbot.tac"]
        said = stack.enter_context((self.directory / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command, cwd=self.directory / name, env=self._environment, stdout=said, stderr=said
        )
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        return process

    def _call(self, program: str, *arguments: str) -> None:
        command = [PROGRAMS / program, *arguments]
        subprocess.run(
            command, cwd=self.directory, env=self._environment, check=True, stdout=subprocess.DEVNULL
        )

    def _answers(self) -> bool:
        try:
            return self.client.get("/workers").is_success
        except httpx2.TransportError:
            return False

    def _has_worker(self) -> bool:
        (worker,) = self.client.get("/workers").raise_for_status().json()["workers"]
        return bool(worker["connected_to"])

    def _until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        """Looked for every 20 ms: a bench has no bell of Buildbot's, and its times come from the diary."""
        give_up = time.monotonic() + _PATIENCE
        while not is_so():
            if time.monotonic() > give_up:
                raise RuntimeError(f"{otherwise}; see {self.directory}")
            time.sleep(0.02)
