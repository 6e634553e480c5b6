"""Both coordinators, behind what the conformance suite needs of the world around them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import aetcd
import pytest

from tests.etcd import Etcd, settled
from tidemill.kit.coord import Coordinator, Lease
from tidemill.kit.coord.embedded import EmbeddedCoordinator
from tidemill.kit.coord.etcd import Address, EtcdCoordinator

Open = Callable[[], Awaitable[Coordinator]]


class World(Protocol):
    """What happens around a coordinator: it is opened, time passes, history is forgotten."""

    async def open(self) -> Coordinator:
        """The coordinator of this test; again, once the one before is closed."""
        ...

    async def over(self, *leases: Lease) -> None:
        """The whole time of *leases* passes without a sign of life from their holders."""
        ...

    async def almost(self, lease: Lease) -> None:
        """A good part of the time of *lease* passes."""
        ...

    async def forget(self, kept: int) -> None:
        """Forget all changes but the newest *kept*."""
        ...


class EmbeddedWorld:
    """A file, and seconds that pass when they are told to."""

    def __init__(self, path: Path) -> None:
        self.now = 1000.0
        self._path = path
        self._coordinator: EmbeddedCoordinator | None = None

    async def open(self) -> Coordinator:
        await self.close()
        path = self._path / "coord.db"
        self._coordinator = await EmbeddedCoordinator.open(path, clock=lambda: self.now, history=50)
        return self._coordinator

    async def over(self, *leases: Lease) -> None:
        assert self._coordinator is not None
        deadlines = self._coordinator._deadlines
        longest = max(lease.seconds for lease in leases)
        self.now += longest
        for kept in deadlines.keys() - {lease.id for lease in leases}:
            deadlines[kept] += longest

    async def almost(self, lease: Lease) -> None:
        self.now += lease.seconds - 1

    async def forget(self, kept: int) -> None:
        assert kept == 50

    async def close(self) -> None:
        if self._coordinator is not None:
            await self._coordinator.close()


class EtcdWorld:
    """An installation of its own on an etcd that is shared. Its leases end by the hand of a client of etcd's."""

    def __init__(self, etcd: Etcd) -> None:
        self._address = Address(url=etcd.url, prefix=f"test-{uuid4().hex}")
        self._coordinator: EtcdCoordinator | None = None
        self._etcd = aetcd.Client("127.0.0.1", etcd.client, timeout=10)

    async def open(self) -> Coordinator:
        if self._coordinator is not None:
            await self._coordinator.close()
        self._coordinator = await EtcdCoordinator.open(self._address)
        return self._coordinator

    async def over(self, *leases: Lease) -> None:
        for lease in leases:
            await self._etcd.revoke_lease(int(lease.id, 16))

    async def almost(self, lease: Lease) -> None:
        while (await self._etcd.get_lease_info(int(lease.id, 16))).TTL > 0:  # whole seconds, rounded down
            pass

    async def forget(self, kept: int) -> None:
        last = (await self._etcd.get_prefix(b"/")).header.revision
        await self._etcd.compact(last - kept, physical=True)

    async def close(self) -> None:
        await self._etcd.close()
        if self._coordinator is not None:
            await self._coordinator.close()


@pytest.fixture(scope="module", autouse=True)
async def one_loop(anyio_backend: str) -> AsyncIterator[None]:
    """The tests of a file share one event loop, and leave nothing to the next."""
    yield
    await settled()


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """A real etcd of one member, started when the first test asks for it; its shortest lease is a second."""
    server = Etcd(tmp_path_factory.mktemp("etcd"), "--heartbeat-interval=20", "--election-timeout=200")
    yield server.start()
    server.kill()


@pytest.fixture(params=["embedded", "etcd"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    """The surroundings of a coordinator, of each kind."""
    if request.param == "embedded":
        world: EmbeddedWorld | EtcdWorld = EmbeddedWorld(tmp_path)
    else:
        world = EtcdWorld(request.getfixturevalue("etcd"))
    yield world
    await world.close()


@pytest.fixture
def open_(world: World) -> Open:
    """Opens the coordinator of this test; again, once the one before is closed."""
    return world.open


@pytest.fixture
async def coordinator(world: World) -> Coordinator:
    return await world.open()
