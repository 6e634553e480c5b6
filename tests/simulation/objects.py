"""An object store in memory: what is put is there at once and for good; every call takes time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec

from tests.simulation.network import Network
from tests.simulation.process import EPOCH
from tidemill.errors import NotFound, Unavailable


class Kept(msgspec.Struct, frozen=True):
    """An object, and when it was written."""

    data: bytes
    at: datetime


class SimulatedObjects:
    """The face of `kit.objects.Objects`; *kept* outlives the processes that use it."""

    def __init__(self, kept: dict[str, Kept], network: Network, who: str) -> None:
        self._kept = kept
        self._network = network
        self._who = who

    async def put(self, name: str, data: bytes | AsyncIterator[bytes]) -> None:
        """See `Objects`."""
        whole = data if isinstance(data, bytes) else b"".join([chunk async for chunk in data])
        await self._moment()
        self._kept[name] = _now(whole)
        await self._moment()

    async def put_new(self, name: str, data: bytes) -> bool:
        """See `Objects`."""
        await self._moment()
        kept = _now(data)
        return self._kept.setdefault(name, kept) is kept

    async def get(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Objects`."""
        await self._moment()
        data = self._found(name)[start:end]

        async def chunks() -> AsyncIterator[bytes]:
            if data:
                yield data

        return chunks()

    async def size(self, name: str) -> int:
        """See `Objects`."""
        await self._moment()
        return len(self._found(name))

    async def delete(self, name: str) -> None:
        """See `Objects`."""
        await self._moment()
        self._kept.pop(name, None)

    async def list(self, folder: str = "") -> AsyncIterator[str]:
        """See `Objects`."""
        await self._moment()
        for name in sorted(self._kept):
            if name.startswith(f"{folder}/") or not folder:
                yield name

    async def older(self, folder: str, before: datetime) -> AsyncIterator[str]:
        """See `Objects`."""
        async for name in self.list(folder):
            if name in self._kept and self._kept[name].at < before:
                yield name

    async def clear_aside(self) -> None:
        """See `Objects`: nothing is ever put aside here."""

    async def _moment(self) -> None:
        dice = self._network.dice(f"{self._who} objects")
        await asyncio.sleep(dice.uniform(0.0005, 0.01))
        if dice.random() < self._network.noise:
            raise Unavailable("the object store does not answer")

    def _found(self, name: str) -> bytes:
        if name not in self._kept:
            raise NotFound(f"there is no object {name}")
        return self._kept[name].data


def _now(data: bytes) -> Kept:
    return Kept(data, EPOCH + timedelta(seconds=asyncio.get_running_loop().time()))
