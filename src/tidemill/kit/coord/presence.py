"""The registry of live instances, each with the state it says it is in."""

import msgspec

from tidemill.errors import Conflict
from tidemill.kit.coord.coordinator import Coordinator, Lease

#: Seconds without a sign of life after which an instance counts as gone; it is shown every 15.
LEASE = 60.0


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A live instance of a service; *observed* is what it published last, opaque here."""

    service: str
    id: str
    observed: bytes


class Presence:
    """One instance in the registry. `show` is the work of a supervised loop."""

    def __init__(self, coordinator: Coordinator, service: str, id: str, seconds: float = LEASE) -> None:
        self._coordinator = coordinator
        self._key = f"{_folder(service)}{id}"
        self._seconds = seconds
        self._lease: Lease | None = None
        self._observed = b""

    async def show(self) -> None:
        """Give a sign of life; registers again if the registry has forgotten this instance."""
        if self._lease is not None:
            try:
                await self._coordinator.keep(self._lease)
            except Conflict:
                self._lease = None
        if self._lease is None:
            self._lease = await self._coordinator.grant(self._seconds)
            await self._coordinator.put(self._key, self._observed, lease=self._lease)

    async def publish(self, observed: bytes) -> None:
        """Tell everybody the state that this instance is in."""
        self._observed = observed
        await self.show()
        await self._coordinator.put(self._key, observed, lease=self._lease)

    async def leave(self) -> None:
        """Be gone at once, not only when the lease is over."""
        if self._lease is not None:
            await self._coordinator.revoke(self._lease)
            self._lease = None


async def instances(coordinator: Coordinator, service: str) -> list[Instance]:
    """The live instances of *service*, by id."""
    folder = _folder(service)
    listing = await coordinator.entries(folder)
    return [
        Instance(service=service, id=entry.key.removeprefix(folder), observed=entry.value)
        for entry in listing.entries
    ]


def _folder(service: str) -> str:
    return f"instances/{service}/"
