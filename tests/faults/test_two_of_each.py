"""Two runservices, gateways, schedulers and configstores share one PostgreSQL and one etcd; they die, all goes on."""

import os
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from tests.etcd import Etcd
from tests.faults.cluster import Cluster, definition, said
from tests.postgres import Server as Postgres
from tests.system.server import Project, Work

SEED = int(os.environ.get("TIDEMILL_SEED", "4"))


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    """An etcd of this test alone."""
    server = Etcd(tmp_path / "etcd", "--heartbeat-interval=20", "--election-timeout=200")
    yield server.start()
    server.kill()


@pytest.fixture
def database(postgres_server: Postgres) -> Iterator[str]:
    """An empty database on a PostgreSQL."""
    name = f"test_{uuid4().hex[:12]}"
    anyio.run(postgres_server.create, name)
    yield postgres_server.url(name)
    anyio.run(postgres_server.drop, name)


@pytest.fixture
def cluster(tmp_path: Path, database: str, etcd: Etcd) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, database, etcd.url)
    yield cluster.start()
    cluster.stop()


class Load:
    """Runs that are pushed, and what must have become of them."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.work = Work(folder, project)
        self.project = project
        self._numbers = count(1)
        self.pushed: list[str] = []

    def push(self, times: int = 1) -> None:
        """Push to a branch of its own each time, so that nothing waits in line."""
        for _ in range(times):
            name = f"change{next(self._numbers)}"
            self.work.commit(definition(name), name)
            self.work.push(name)
            self.pushed.append(name)

    def check(self) -> None:
        """Each push has made one run that succeeded, and each task has said its words once."""
        names = set()
        for number in range(1, len(self.pushed) + 1):
            run = self.project.finished(number)
            assert run["result"] == "success", run
            name = run["annotations"]["branch"]
            names.add(name)
            for task in ("first", "second", "third"):
                assert self.project.log(number, task, 0) == said(f"{name} {task}"), (number, task)
        assert names == set(self.pushed)
        assert len(self.project.runs()) == len(self.pushed)


def test_one_of_two_is_killed_at_random_moments(cluster: Cluster, tmp_path: Path) -> None:
    """Whichever instance dies, pushes are taken, tasks go on, each is executed once, nothing is lost."""
    moments = random.Random(SEED)
    load = Load(tmp_path / "work", cluster.project("hello"))
    for _ in range(4):
        load.push(3)
        states = load.project.states(len(load.pushed))
        for _ in range(moments.randrange(1, 8)):
            next(states, None)
        victim = moments.choice(cluster.houses)
        victim.kill()
        load.push(2)
        victim.start()
    load.check()
    cluster.check()
