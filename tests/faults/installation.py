"""An installation of processes apart: a store, a front, executors; each is killed and started by itself."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio

from tests.conftest import DatabaseUrl
from tests.etcd import free_port
from tests.faults.checking import check_at
from tests.faults.leftovers import complaints
from tests.system.server import Server
from tidemill.kit.objects import Objects

#: What random moments and graphs are made from; a failing test prints it.
SEED = int(os.environ.get("TIDEMILL_SEED", "7"))
#: Seconds in which whatever must come about has come about.
PATIENCE = 30.0
_STORE, _FRONT = ("configstore", "runservice"), ("gateway", "gitserver", "scheduler")


class Installation:
    """The store has runs, jobs and logs; the front has users and git before it; executors call the store."""

    def __init__(self, place: Path, database_url: DatabaseUrl, *, lease: float = 60, grace: float = 15):
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.database = database_url("runservice")
        self._shared = {"TIDEMILL_SERVICE_TOKEN": "between-services"}
        self.store_port = free_port()
        self._address = f"127.0.0.1:{self.store_port}"
        store = {f"TIDEMILL_{name.upper()}_DATABASE": database_url(name) for name in _STORE}
        store |= {
            "TIDEMILL_RUNSERVICE_EXECUTOR_LEASE": str(lease),
            "TIDEMILL_RUNSERVICE_EXECUTOR_GRACE": str(grace),
        }
        self.store = self._server("store", _STORE, store, listen=self._address)
        front = {f"TIDEMILL_{name.upper()}_DATABASE": database_url(name) for name in ("gateway", "gitserver")}
        self.front = self._server("front", _FRONT, front | self._to_store(("CONFIGSTORE", "RUNSERVICE")))
        self.executors: list[Server] = []

    def executor(self, driver: str = "null", slots: int = 4) -> Server:
        """One more, not started yet."""
        settings = {"TIDEMILL_EXECUTOR_DRIVER": driver, "TIDEMILL_EXECUTOR_SLOTS": str(slots)}
        name = f"executor{len(self.executors)}"
        server = self._server(name, ("executor",), settings | self._to_store(("RUNSERVICE",)))
        self.executors.append(server)
        return server

    def start(self) -> "Installation":
        """Start what does not run yet, all at once."""
        resting = [server for server in (self.store, self.front, *self.executors) if not _runs(server)]
        with ThreadPoolExecutor(8) as starters:
            list(starters.map(Server.start, resting))
        return self

    def settled(self) -> None:
        """The whole check, once all runs are final: data, executors' disks, processes, sockets.

        The installation is stopped by it.
        """
        for server in self.executors:
            eventually(lambda server=server: not _jobs(server), f"{server.data.name} forgets its jobs")
            eventually(lambda server=server: not _pods(server), f"{server.data.name} removes its pods")
        self.stop()
        objects = Objects.open((self.store.data / "objects").as_uri())
        anyio.run(check_at, self.database, objects)
        left = [line for server in self.executors for line in complaints(server.data)]
        assert not left, "\n".join(left)

    def stop(self) -> None:
        """End every process, asking it to; each says goodbye."""
        servers = [server for server in (*self.executors, self.front, self.store) if _runs(server)]
        with ThreadPoolExecutor(8) as stoppers:
            assert set(stoppers.map(Server.stop, servers)) <= {0}

    def close(self) -> None:
        """Whatever has happened, leave nothing."""
        for server in (*self.executors, self.front, self.store):
            if _runs(server):
                server.kill()
        for server in self.executors:
            server.clear_away()

    def _server(
        self,
        name: str,
        components: tuple[str, ...],
        environment: Mapping[str, str],
        listen: str = "127.0.0.1:0",
    ) -> Server:
        return Server(
            self.place / name,
            components=",".join(components),
            environment=self._shared | dict(environment),
            listen=listen,
        )

    def _to_store(self, names: tuple[str, ...]) -> dict[str, str]:
        return {f"TIDEMILL_{name}_URL": f"http://{self._address}" for name in names}


def eventually(condition: Callable[[], Any], what: str) -> None:
    """Wait until *condition* holds, for as long as anything may take."""
    pause = threading.Event()
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        pause.wait(0.05)


def _runs(server: Server) -> bool:
    return server.process is not None and server.process.poll() is None


def _jobs(server: Server) -> list[Path]:
    return list((server.data / "executor" / "jobs").glob("*"))


def _pods(server: Server) -> list[Path]:
    return list((server.data / "executor" / "pods").glob("[!.]*"))
