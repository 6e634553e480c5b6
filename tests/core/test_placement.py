"""Which executors suit a task, what the others lack, and who of several takes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tidemill.core.placement import Demand, Offer, Room, demand_of, lacks, share, suits, used_by
from tidemill.core.plan import Container, Resources, Runtime

HOST = Demand(runtime="host")
OFFER = Offer(runtimes=("host", "pod"), arch="amd64", labels={"zone": "eu", "gpu": ""})

CASES = [
    ("nothing special", {}, {}, ()),
    ("no such runtime", {"runtime": "vm"}, {}, ("has no runtime `vm`",)),
    ("its architecture", {"arch": "amd64"}, {}, ()),
    ("another architecture", {"arch": "arm64"}, {}, ("is for amd64",)),
    ("an architecture of which nothing is known", {"arch": "arm64"}, {"arch": ""}, ("is for an unknown architecture",)),
    ("a label with any value", {"labels": {"zone": ""}}, {}, ()),
    ("a label with its value", {"labels": {"zone": "eu"}}, {}, ()),
    ("a label with another value", {"labels": {"zone": "us"}}, {}, ("has label `zone=eu`, not `us`",)),
    ("a value where the label has none", {"labels": {"gpu": "a100"}}, {}, ("has label `gpu`, not `a100`",)),
    ("a label that it has not", {"labels": {"tpu": ""}}, {}, ("has no label `tpu`",)),
    ("privilege", {"privileged": True}, {}, ("allows no privileged containers",)),
    ("privilege that is allowed", {"privileged": True}, {"allow_privileged": True}, ()),
    (
        "more than it offers",
        {"resources": Resources(cpu=8000, memory=1 << 30)},
        {"resources": Resources(cpu=4000, memory=1 << 29)},
        ("offers 4 CPU, 8 CPU are asked", "offers 512 MiB of memory, 1 GiB of memory are asked"),
    ),
    (
        "as much as it offers",
        {"resources": Resources(cpu=4000, memory=1 << 29)},
        {"resources": Resources(cpu=4000, memory=1 << 29)},
        (),
    ),
    (
        "resources of a host that states none",
        {"resources": Resources(cpu=500)},
        {},
        ("states no CPUs, 0.5 CPU are asked",),
    ),
    ("resources of pods where none are stated", {"runtime": "pod", "resources": Resources(cpu=500)}, {}, ()),
    (
        "several things at once",
        {"arch": "arm64", "labels": {"b": "", "a": "1"}},
        {},
        ("is for amd64", "has no label `a`", "has no label `b`"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "demand", "offer", "found"), CASES, ids=[case[0] for case in CASES])
def test_what_an_executor_lacks(
    what: str, demand: dict[str, object], offer: dict[str, object], found: tuple[str, ...]
) -> None:
    """Each of it in words; with nothing lacking it suits."""
    wanted, offered = replace(HOST, **demand), replace(OFFER, **offer)
    assert tuple(lack.found for lack in lacks(wanted, offered)) == found
    assert suits(wanted, offered) == (not found)


def test_the_demand_of_a_runtime() -> None:
    """One privileged container makes the task need an executor that allows them."""
    containers = (Container(image="a"), Container(image="b", privileged=True))
    runtime = Runtime(arch="arm64", containers=containers, labels={"a": "1"}, resources=Resources(cpu=1))
    assert demand_of(runtime) == Demand(
        runtime="pod", arch="arm64", labels={"a": "1"}, privileged=True, resources=Resources(cpu=1)
    )
    assert not demand_of(replace(runtime, containers=containers[:1])).privileged


def test_room_is_what_is_left() -> None:
    """Of slots, and of what is stated of resources; what is not stated is not counted."""
    room = Room(offer=replace(OFFER, resources=Resources(cpu=3000)), slots=3, jobs=0)
    heavy = replace(HOST, resources=Resources(cpu=2000))
    assert room.takes(heavy)
    assert not room.beside(heavy).takes(heavy)
    assert room.beside(heavy).takes(HOST)
    assert not room.beside(HOST).beside(HOST).beside(HOST).takes(HOST)


names = st.sampled_from(["a", "b"])
values = st.sampled_from(["", "1", "2"])
labels = st.dictionaries(names, values, max_size=2)
amounts = st.none() | st.integers(1, 4)
resources = st.builds(Resources, cpu=amounts, memory=amounts)
demands = st.builds(
    Demand,
    runtime=st.sampled_from(["host", "pod"]),
    arch=st.sampled_from(["", "amd64", "arm64"]),
    labels=labels,
    privileged=st.booleans(),
    resources=resources,
)
offers = st.builds(
    Offer,
    runtimes=st.sets(st.sampled_from(["host", "pod"])).map(sorted).map(tuple),
    arch=st.sampled_from(["amd64", "arm64"]),
    labels=labels,
    allow_privileged=st.booleans(),
    resources=resources,
)
rooms = st.builds(Room, offer=offers, slots=st.integers(0, 4), jobs=st.integers(0, 4))


@given(demands=st.lists(demands, max_size=8), mine=rooms, others=st.lists(rooms, max_size=3))
def test_sharing_wastes_nothing_and_asks_too_much_of_nobody(
    demands: list[Demand], mine: Room, others: list[Room]
) -> None:
    """Who is given tasks can do all of them together; one that is given to nobody could be by nobody."""
    takers = share(demands, mine, others)
    rooms = {-1: mine, **dict(enumerate(others))}
    for number, room in rooms.items():
        given_to_it = [one for one, taker in zip(demands, takers, strict=True) if taker == number]
        used = used_by(given_to_it)
        assert len(given_to_it) <= room.free
        assert all(suits(one, room.offer) for one in given_to_it)
        for sum_, limit in ((used.cpu, room.offer.resources.cpu), (used.memory, room.offer.resources.memory)):
            assert limit is None or (sum_ or 0) <= limit
        rooms[number] = replace(room, jobs=room.jobs + len(given_to_it), used=used)
    for demand, taker in zip(demands, takers, strict=True):
        if taker is None:
            assert not any(room.takes(demand) for room in rooms.values())


@given(demands=st.lists(st.just(HOST), max_size=12), mine=rooms, others=st.lists(rooms, max_size=3))
def test_equal_tasks_go_to_the_emptiest(demands: list[Demand], mine: Room, others: list[Room]) -> None:
    """Afterwards nobody who was given one has more load than another with room had before its last."""
    takers = share(demands, mine, others)
    rooms = [mine, *others]
    for demand, taker in zip(demands, takers, strict=True):
        able = [room.load for room in rooms if room.takes(demand)]
        if taker is None:
            assert not able
            continue
        assert rooms[taker + 1].load == min(able)
        rooms[taker + 1] = rooms[taker + 1].beside(demand)


def test_between_equals_who_asks_takes_it() -> None:
    """Nothing is left to another without a reason."""
    room = Room(offer=OFFER, slots=2, jobs=0)
    assert share([HOST, HOST, HOST, HOST, HOST], room, [room]) == [-1, 0, -1, 0, None]
