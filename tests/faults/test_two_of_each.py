"""Two runservices, gateways, schedulers and configstores share one PostgreSQL and one etcd; they die, all goes on."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.etcd import Etcd
from tests.faults.cluster import Cluster
from tests.faults.installation import SEED, eventually
from tests.faults.load import Load

Begin = Callable[..., Cluster]


@pytest.fixture
def begin(tmp_path: Path, database: str) -> Iterator[Begin]:
    """Starts two of each on a coordinator."""
    begun: list[Cluster] = []

    def start(coordinator: str, **environment: str) -> Cluster:
        begun.append(Cluster(tmp_path, database, coordinator, environment=environment))
        return begun[-1].start()

    yield start
    for cluster in begun:
        cluster.stop()


def kill_one_of_two(cluster: Cluster, folder: Path, seed: int, *, times: int) -> None:
    """Kill either instance at random moments of the newest run, push meanwhile, start it again."""
    moments = random.Random(seed)
    load = Load(folder, cluster.project("hello"))
    for _ in range(times):
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


def test_one_of_two_is_killed_at_random_moments(begin: Begin, etcd: Etcd, tmp_path: Path) -> None:
    """Whichever instance dies, pushes are taken, tasks go on, each is executed once, nothing is lost."""
    kill_one_of_two(begin(etcd.url), tmp_path / "work", SEED, times=2)


@pytest.mark.heavy
@pytest.mark.parametrize("more", range(6))
def test_one_of_two_is_killed_again_and_again(begin: Begin, etcd: Etcd, tmp_path: Path, more: int) -> None:
    """The same for longer, and from other seeds."""
    kill_one_of_two(begin(etcd.url), tmp_path / "work", SEED + 1 + more, times=8)


def test_both_notice_that_an_executor_is_gone(begin: Begin, etcd: Etcd, tmp_path: Path) -> None:
    """Its tasks are lost once and tried again once; when it is back it gives up what it still has."""
    cluster = begin(etcd.url, TIDEMILL_RUNSERVICE_EXECUTOR_LEASE="4", TIDEMILL_RUNSERVICE_EXECUTOR_GRACE="1")
    load = Load(tmp_path / "work", cluster.project("hello"), retry={"attempts": 2, "on": ["lost"]})
    load.push(4)
    victim = cluster.executors[0]
    eventually(lambda: cluster.left_behind(victim), "it has jobs")
    victim.kill()
    load.push()
    load.check()
    assert cluster.left_behind(victim)
    victim.start()
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
