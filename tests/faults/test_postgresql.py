"""F7: PostgreSQL dies and comes back, connections break in commits: runs go on, each task once."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.etcd import Etcd
from tests.faults.cluster import Cluster
from tests.faults.installation import SEED
from tests.faults.load import Load
from tests.faults.proxy import Fate, Proxy
from tests.postgres import Server as Postgres

#: One of so many commits breaks.
ONE_IN = 12


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A PostgreSQL of this test alone."""
    with Postgres(f"mortal-{os.getpid()}") as server:
        anyio.run(server.create, "tidemill")
        yield server


def test_the_server_is_killed_while_runs_go_on(mortal: Postgres, etcd: Etcd, tmp_path: Path) -> None:
    """What was committed is there, what was not is done again, and nobody has to be restarted."""
    cluster = Cluster(tmp_path, mortal.url("tidemill"), etcd.url)
    try:
        load = Load(tmp_path / "work", cluster.start().project("hello"))
        moments = random.Random(SEED)
        for _ in range(2):
            load.push(3)
            states = load.project.states(len(load.pushed))
            for _ in range(moments.randrange(1, 8)):
                next(states, None)
            mortal.kill()
            mortal.start_again()
        load.push()
        load.check()
        cluster.check()
    finally:
        cluster.stop()


def break_in_commits(folder: Path, database: str, etcd: Etcd, seed: int, *, pushes: int) -> None:
    """Push while one commit of many breaks in one way or the other; look at everything afterwards."""
    socket, name = database.partition("host=")[2], database.partition("?")[0].rpartition("/")[2]
    fates = random.Random(seed)
    with Proxy(f"{socket}/.s.PGSQL.5432") as proxy:
        cluster = Cluster(folder, f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}", etcd.url)
        try:
            load = Load(folder / "work", cluster.start().project("hello"))
            proxy.fate = lambda: (
                Fate.PASS if fates.randrange(ONE_IN) else fates.choice([Fate.UNHEARD, Fate.UNANSWERED])
            )
            load.push(pushes, attempts=5)
            load.check()
            proxy.fate = lambda: Fate.PASS
            cluster.check()
            assert set(proxy.cuts) == {Fate.UNHEARD, Fate.UNANSWERED}
        finally:
            cluster.stop()


def test_connections_break_in_commits(database: str, etcd: Etcd, tmp_path: Path) -> None:
    """Whether a commit was unheard or unanswered, its caller finds out, and does nothing twice."""
    break_in_commits(tmp_path, database, etcd, SEED, pushes=10)


@pytest.mark.heavy
@pytest.mark.parametrize("more", range(6))
def test_connections_break_again_and_again(database: str, etcd: Etcd, tmp_path: Path, more: int) -> None:
    """The same for longer, and from other seeds."""
    break_in_commits(tmp_path, database, etcd, SEED + 1 + more, pushes=40)
