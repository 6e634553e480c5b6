"""Two runservices, gateways, schedulers and configstores share one PostgreSQL and one etcd; they die, all goes on."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.etcd import Etcd
from tests.faults.cluster import Cluster
from tests.faults.load import Load

SEED = int(os.environ.get("TIDEMILL_SEED", "4"))

Begin = Callable[[str], Cluster]


@pytest.fixture
def begin(tmp_path: Path, database: str) -> Iterator[Begin]:
    """Starts two of each on a coordinator."""
    begun: list[Cluster] = []

    def start(coordinator: str) -> Cluster:
        begun.append(Cluster(tmp_path, database, coordinator))
        return begun[-1].start()

    yield start
    for cluster in begun:
        cluster.stop()


def test_one_of_two_is_killed_at_random_moments(begin: Begin, etcd: Etcd, tmp_path: Path) -> None:
    """Whichever instance dies, pushes are taken, tasks go on, each is executed once, nothing is lost."""
    cluster = begin(etcd.url)
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


def test_members_of_etcd_die_and_all_of_its_data_is_lost(
    begin: Begin, etcd_members: list[Etcd], tmp_path: Path
) -> None:
    """Without the leader, without any member, with an empty etcd: runs go on, and instances register again."""
    cluster = begin("etcd://" + ",".join(member.target for member in etcd_members))
    load = Load(tmp_path / "work", cluster.project("hello"))
    for member in etcd_members:  # whichever leads, it is killed when it does
        load.push()
        member.kill()
        load.push()
        member.start()
    load.push()
    for member in etcd_members:
        member.kill()
        member.wipe()
    load.push(2)
    for member in etcd_members:
        member.begin()
    for member in etcd_members:
        member.wait()
    load.push(2)
    load.check()
    cluster.check()
    cluster.are_registered()
