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
        for _ in range(3):
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


def test_connections_break_in_commits(
    postgres_server: Postgres, database: str, etcd: Etcd, tmp_path: Path
) -> None:
    """Whether a commit was unheard or unanswered, its caller finds out, and does nothing twice."""
    socket, name = database.partition("host=")[2], database.partition("?")[0].rpartition("/")[2]
    with Proxy(f"{socket}/.s.PGSQL.5432") as proxy:
        cluster = Cluster(tmp_path, f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}", etcd.url)
        try:
            load = Load(tmp_path / "work", cluster.start().project("hello"))
            fates = random.Random(SEED)
            proxy.fate = lambda: (
                fates.choice([Fate.UNHEARD, Fate.UNANSWERED]) if not fates.randrange(ONE_IN) else Fate.PASS
            )
            load.push(10, attempts=5)
            load.check()
            proxy.fate = lambda: Fate.PASS
            cluster.check()
            assert set(proxy.cuts) == {Fate.UNHEARD, Fate.UNANSWERED}
        finally:
            cluster.stop()
