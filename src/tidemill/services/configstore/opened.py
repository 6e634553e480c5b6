"""Secrets that were opened a moment ago: many jobs ask for the same ones at the same time."""

import asyncio
from collections.abc import Mapping

from tidemill.kit.crypto import Sealed

#: Seconds after which an opened secret is forgotten.
SECONDS = 30.0
#: Opened secrets that are remembered at once.
MOST = 1000


class Opened:
    """Remembers data by what was sealed: what is changed is sealed otherwise, and has to be opened."""

    def __init__(self, seconds: float = SECONDS, most: int = MOST) -> None:
        self._seconds = seconds
        self._most = most
        self._kept: dict[tuple[bytes, Sealed], Mapping[str, str]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, place: bytes, sealed: Sealed) -> Mapping[str, str] | None:
        """What *sealed* holds in its place, if that is known."""
        return self._kept.get((place, sealed))

    def put(self, place: bytes, sealed: Sealed, data: Mapping[str, str]) -> None:
        """Remember *data* for a while, unless there is too much already."""
        if len(self._kept) < self._most:
            self._kept[place, sealed] = data
            asyncio.get_running_loop().call_later(self._seconds, self._kept.pop, (place, sealed), None)
