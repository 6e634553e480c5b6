"""Leaderships: at most one holder at a time, told apart by a token that only grows."""

import time

from tidemill.errors import Conflict
from tidemill.kit.coord.coordinator import Coordinator, Lease


class Leadership:
    """Held until it is resigned or its lease ends.

    A holder that stood still may believe in it too long; so whatever it writes carries *token*, and who
    receives it refuses a smaller token than the largest one seen.
    """

    def __init__(self, coordinator: Coordinator, key: str, token: int) -> None:
        self.token = token
        self._coordinator = coordinator
        self._key = key

    async def is_held(self) -> bool:
        """Whether it is still ours, as far as anybody can know."""
        entry = await self._coordinator.get(self._key)
        return entry is not None and entry.revision == self.token

    async def resign(self) -> None:
        """Let another one lead; does nothing when it is not ours any more."""
        try:
            await self._coordinator.delete(self._key, revision=self.token)
        except Conflict as error:
            if error.code != "revision":
                raise


async def campaign(
    coordinator: Coordinator, name: str, who: str, lease: Lease, seconds: float = 0.0
) -> Leadership | None:
    """Become the leader of *name*, waiting up to *seconds* for the present one to go; None if it stays."""
    key = f"leaders/{name}"
    deadline = time.monotonic() + seconds
    while True:
        listing = await coordinator.entries(key)
        try:
            token = await coordinator.put(key, who.encode(), revision=0, lease=lease)
        except Conflict as error:
            if error.code != "revision":
                raise
        else:
            return Leadership(coordinator, key, token)
        watch = coordinator.watch(key, listing.revision)
        try:
            await watch.next(max(0.0, deadline - time.monotonic()))
        finally:
            watch.close()
        if time.monotonic() >= deadline:
            return None


async def leader(coordinator: Coordinator, name: str) -> str | None:
    """Who leads *name*, None when nobody does."""
    entry = await coordinator.get(f"leaders/{name}")
    return None if entry is None else entry.value.decode()
