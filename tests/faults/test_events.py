"""The event feed of two runservices on one PostgreSQL, to a consumer that is killed as they are."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.etcd import Etcd
from tests.faults.checking import MIGRATIONS
from tests.faults.cluster import Cluster
from tests.faults.consumer import open_inbox
from tests.faults.installation import eventually
from tests.faults.load import Load
from tidemill.kit.db import Database

SEED = int(os.environ.get("TIDEMILL_SEED", "5"))


@pytest.fixture
def cluster(tmp_path: Path, database: str, etcd: Etcd) -> Iterator[Cluster]:
    begun = Cluster(tmp_path, database, etcd.url)
    yield begun.start()
    begun.stop()


class Consumer:
    """The program, as often as it was started."""

    def __init__(self, path: Path, cluster: Cluster) -> None:
        self._path = path
        token = cluster.shared["TIDEMILL_GATEWAY_ADMIN_TOKEN"]
        urls = [house.url for house in cluster.houses]
        self._command = [sys.executable, "-m", "tests.faults.consumer", str(path), token, *urls]
        open_inbox(path).close()
        self._process = subprocess.Popen(self._command)

    def kill(self) -> None:
        """And start it again."""
        self.end()
        self._process = subprocess.Popen(self._command)

    def end(self) -> None:
        assert self._process.poll() is None, "it has failed by itself"
        self._process.kill()
        self._process.wait()

    def inbox(self) -> list[str]:
        """What it has taken in, in its order."""
        inbox = open_inbox(self._path)
        try:
            return [told for (told,) in inbox.execute("SELECT id FROM inbox ORDER BY place")]
        finally:
            inbox.close()


@pytest.mark.heavy
def test_each_event_is_taken_in_once(cluster: Cluster, tmp_path: Path) -> None:
    """Runservices, gateways and the consumer die at random moments: it has every event, once, in order."""
    moments = random.Random(SEED)
    load = Load(tmp_path / "work", cluster.project("hello"))
    consumer = Consumer(tmp_path / "inbox.db", cluster)
    for _ in range(5):
        load.push(2)
        states = load.project.states(len(load.pushed))
        for _ in range(moments.randrange(1, 8)):
            next(states, None)
            consumer.kill()
        victim = moments.choice(cluster.houses)
        victim.kill()
        load.push()
        consumer.kill()
        victim.start()
    load.check()
    told = anyio.run(expected, cluster.database)
    eventually(lambda: len(consumer.inbox()) >= len(told), "all events are taken in")
    consumer.end()
    assert consumer.inbox() == told
    cluster.check()


async def expected(database: str) -> list[str]:
    """The ids of all events, which are numbered without gaps."""
    db = await Database.open(database, name="runservice", migrations=MIGRATIONS)
    try:
        events = await db.events(0, limit=100_000)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        return [f"{db.epoch}-{event.sequence}" for event in events]
    finally:
        await db.close()
