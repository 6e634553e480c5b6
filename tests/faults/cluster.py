"""An installation of many processes: two of everything that may be there twice, on one PostgreSQL and one etcd."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx2

from tests.etcd import free_port, settled
from tests.faults.checking import check_at
from tests.faults.installation import eventually
from tests.system.server import Project, Server, User
from tidemill.kit.coord import instances
from tidemill.kit.coord.etcd import Address, EtcdCoordinator
from tidemill.kit.objects import Objects
from tidemill.serve.house import WITH_DATABASE

#: Seconds in which everything that was asked for has to be done.
PATIENCE = 90.0

#: What may be there several times.
MANY = "configstore,runservice,gateway,scheduler"

#: How long a task works, as lines that come one after the other.
LINES = 5


class Cluster:
    """Processes that a test starts, kills and starts again; each keeps its address and its data."""

    def __init__(
        self, folder: Path, database: str, coordinator: str, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.database = database
        self.git_address = _address()
        addresses = [_address() for _ in range(2)]
        self.shared = {
            "TIDEMILL_COORDINATOR_URL": coordinator,
            "TIDEMILL_SERVICE_TOKEN": "shared",
            "TIDEMILL_GATEWAY_ADMIN_TOKEN": secrets.token_hex(20),
            "TIDEMILL_CONFIGSTORE_SECRET_KEY": secrets.token_hex(32),
            "TIDEMILL_RUNSERVICE_OBJECTS": (folder / "objects").as_uri(),
            "TIDEMILL_GITSERVER_EXPOSED_URL": f"http://{self.git_address}",
            "TIDEMILL_GITSERVER_URL": f"http://{self.git_address}",
            **{f"TIDEMILL_{name.upper()}_DATABASE": database for name in WITH_DATABASE},
            **(environment or {}),
        }
        many = ",".join(f"http://{address}" for address in addresses)
        everywhere = {f"TIDEMILL_{name.upper()}_URL": many for name in ("gateway", "runservice")}
        self.houses = [
            Server(folder / f"house{index}", components=MANY, environment=self.shared, listen=address)
            for index, address in enumerate(addresses)
        ]
        self.gitserver = Server(
            folder / "git",
            components="gitserver",
            environment=self.shared | everywhere,
            listen=self.git_address,
        )
        self.executors = [
            Server(folder / f"executor{index}", components="executor", environment=self.shared | everywhere)
            for index in range(2)
        ]

    @property
    def servers(self) -> list[Server]:
        return [*self.houses, self.gitserver, *self.executors]

    def start(self) -> "Cluster":
        """Start all at once; who makes the schemas is nobody's business."""
        with ThreadPoolExecutor(8) as starters:
            list(starters.map(Server.start, self.servers))
        return self

    def stop(self) -> None:
        """End what still runs, and what outlives it by design."""
        running = [server for server in self.servers if server.process and server.process.poll() is None]
        with ThreadPoolExecutor(8) as stoppers:
            list(stoppers.map(Server.stop, running))
        for server in self.executors:
            server.clear_away()
        for server in self.servers:  # shown where a test has failed
            lines = server.log.read_text(errors="replace").splitlines() if server.log.exists() else []
            serious = [line for line in lines if '"level": "error"' in line or "Traceback" in line]
            print(f"{server.data.name}:", *serious[-5:], sep="\n  ")  # noqa: T201 - as above

    def project(self, name: str) -> Project:
        """A project, asked of the first gateway; pushes go to the gitserver."""
        return ClusterProject(self, self.houses[0].user("alice").project(name))

    def check(self) -> None:
        """Nothing contradicts itself, nothing is left undone, and executors have cleared up."""
        objects = Objects.open(self.shared["TIDEMILL_RUNSERVICE_OBJECTS"])
        anyio.run(check_at, self.database, objects)
        eventually(lambda: not self.left_behind(), "executors clear up")

    def are_registered(self) -> None:
        """Every process but the executors is in the registry of the coordinator, and says that it can serve."""
        serving = [*self.houses, self.gitserver]
        eventually(lambda: all(ready(server) for server in serving), "all are ready")
        coordinator = self.shared["TIDEMILL_COORDINATOR_URL"]
        eventually(lambda: anyio.run(registered, coordinator) == len(serving), "all are registered")

    def left_behind(self, *executors: Server) -> list[str]:
        """Jobs on the disks of these executors, or of all."""
        return [
            str(path)
            for server in executors or self.executors
            for path in (server.data / "executor" / "jobs").glob("*")
        ]


class ClusterProject(Project):
    """A project whose gateways may die: what is read is asked again, of another one if need be."""

    def __init__(self, cluster: Cluster, made: Project) -> None:
        super().__init__(made.user, made.path)
        self.cluster = cluster

    @property
    def git_url(self) -> str:
        return f"http://x:{self.user.token}@{self.cluster.git_address}/git/{self.path}.git"

    def states(self, number: int) -> Iterator[dict[str, Any]]:
        """Every state that is heard until the run is final, by whichever gateway tells."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for house in self.cluster.houses:
                try:
                    for state in Project(User(house, self.user.name, self.user.token), self.path).states(
                        number
                    ):
                        yield state
                        if state["phase"] in ("finished", "cancelled", "setuperror"):
                            return
                except (httpx2.HTTPError, AssertionError):
                    assert time.monotonic() < deadline, f"run {number} is not over after {PATIENCE} s"


def ready(server: Server) -> bool:
    """Whether a process says that it can serve."""
    return httpx2.get(server.url + "/readyz", timeout=10).status_code == 200


async def registered(url: str) -> int:
    """How many servers are in the registry."""
    coordinator = await EtcdCoordinator.open(Address(url=url))
    try:
        return len(await instances(coordinator, "server"))
    finally:
        await coordinator.close()
        await settled()


def definition(name: str, shape: Mapping[str, Sequence[str]], **common: Any) -> Mapping[str, str]:
    """A run of the tasks in *shape*, each with what it depends on; each says its lines once.

    *common* is what all of them say beyond that.
    """
    tasks = [
        {
            "name": task,
            "runtime": {"type": "host"},
            "depends": list(depends),
            "steps": [{"run": {"name": "say", "command": saying(f"{name} {task}")}}],
            **common,
        }
        for task, depends in shape.items()
    ]
    return {".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})}


def saying(words: str) -> str:
    """A command that says *words* with a number, line after line."""
    return f"i=0; while [ $i -lt {LINES} ]; do echo {words} $i; i=$((i+1)); sleep 0.1; done"


def said(words: str) -> bytes:
    """What is in the log of such a command that was executed once."""
    return "".join(f"{words} {line}\r\n" for line in range(LINES)).encode()


def _address() -> str:
    return f"127.0.0.1:{free_port()}"
