"""Installations of several processes, what they stand on, and what counts executions."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from tests.conftest import DatabaseUrl
from tests.etcd import Etcd, cluster
from tests.faults.installation import SEED, Installation
from tests.faults.tally import Tally
from tests.postgres import Server as Postgres

#: Seconds that any test may take, on a busy machine and with many seeds.
DEADLINE = 300

#: Starts an installation of this test with these settings.
Install = Callable[..., Installation]


@pytest.fixture(autouse=True)
def seed() -> None:
    """A failing test shows what its random moments were made from."""
    print(f"TIDEMILL_SEED={SEED}")  # noqa: T201 - shown with a failure only


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """What has hung is told; streams that are followed would be followed for ever."""

    def ring(*_: object) -> None:
        raise AssertionError(f"this test has taken more than {DEADLINE} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(DEADLINE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def install(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Install]:
    """Installations on each kind of database."""
    made: list[Installation] = []

    def start(**settings: float) -> Installation:
        made.append(Installation(tmp_path / "installation", database_url, **settings))
        return made[-1]

    yield start
    for installation in made:
        installation.close()


@pytest.fixture
def gate() -> Iterator[Path]:
    """A file that does not exist yet, where a sandboxed step can see it appear."""
    path = Path(sys.prefix) / f"gate-{uuid4()}"  # the server's environment is bound into every sandbox
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def tally() -> Iterator[Tally]:
    with Tally() as tally:
        yield tally


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    """An etcd of this test alone."""
    server = Etcd(tmp_path / "etcd", "--heartbeat-interval=20", "--election-timeout=200")
    yield server.start()
    server.kill()


@pytest.fixture
def etcd_members(tmp_path: Path) -> Iterator[list[Etcd]]:
    """An etcd of three members."""
    members = cluster(tmp_path / "etcd", "--heartbeat-interval=20", "--election-timeout=200")
    for member in members:
        member.begin()
    for member in members:
        member.wait()
    yield members
    for member in members:
        member.kill()


@pytest.fixture
def database(postgres_server: Postgres) -> Iterator[str]:
    """An empty database on a PostgreSQL."""
    name = f"test_{uuid4().hex[:12]}"
    anyio.run(postgres_server.create, name)
    yield postgres_server.url(name)
    anyio.run(postgres_server.drop, name)
