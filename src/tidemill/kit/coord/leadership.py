"""Leaderships: at most one holder at a time, told apart by a token that only grows."""

import time

from tidemill.errors import Conflict
from tidemill.kit.coord.coordinator import Coordinator, Lease

#: Seconds without a sign of life after which another one may lead.
LEASE = 60.0


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
    """Become the leader of *name*, waiting up to *seconds* for the present one to go; None if it stays.

    Whoever leads under the same lease already goes on: an answer may have been lost.
    """
    key = f"leaders/{name}"
    deadline = time.monotonic() + seconds
    while True:
        listing = await coordinator.entries(key)
        found = next((entry for entry in listing.entries if entry.key == key), None)
        if found is not None and found.lease == lease.id:
            return Leadership(coordinator, key, found.revision)
        if found is None:
            try:
                token = await coordinator.put(key, who.encode(), revision=0, lease=lease)
            except Conflict as error:
                if error.code != "revision":
                    raise
            else:
                return Leadership(coordinator, key, token)
        if time.monotonic() >= deadline:
            return None
        await _change(coordinator, key, listing.revision, deadline - time.monotonic())


async def _change(coordinator: Coordinator, key: str, after: int, seconds: float) -> None:
    """Wait until *key* may have changed since the revision *after*."""
    watch = coordinator.watch(key, after)
    try:
        await watch.next(seconds)
    except Conflict as error:
        if error.code != "compacted":
            raise
    finally:
        watch.close()


class Candidacy:
    """Stands for the leadership of *name* as long as it lives. `stand` is the work of a supervised loop.

    A lease that is over and a coordinator that has lost its data cost the leadership; the next `stand`
    takes it again if nobody else has, with a larger token.
    """

    def __init__(self, coordinator: Coordinator, name: str, who: str, seconds: float = LEASE) -> None:
        self.leadership: Leadership | None = None
        """What was held when `stand` looked last."""
        self._coordinator = coordinator
        self._name = name
        self._who = who
        self._seconds = seconds
        self._lease: Lease | None = None

    async def stand(self) -> Leadership | None:
        """Keep what is held, take what is free; answers the leadership, None while another leads."""
        if self.leadership is not None and not await self.leadership.is_held():
            self.leadership = None
        if self._lease is not None:
            try:
                await self._coordinator.keep(self._lease)
            except Conflict:
                self._lease = self.leadership = None
        if self.leadership is None:
            if self._lease is None:
                self._lease = await self._coordinator.grant(self._seconds)
            self.leadership = await campaign(self._coordinator, self._name, self._who, self._lease)
        return self.leadership

    async def withdraw(self) -> None:
        """Let another one lead at once."""
        lease, self._lease, self.leadership = self._lease, None, None
        if lease is not None:
            await self._coordinator.revoke(lease)


async def leader(coordinator: Coordinator, name: str) -> str | None:
    """Who leads *name*, None when nobody does."""
    entry = await coordinator.get(f"leaders/{name}")
    return None if entry is None else entry.value.decode()
