"""An alarm: rings once, after a while; setting it again forgets what it was set to."""

import asyncio
from collections.abc import Callable
from datetime import datetime


class Alarm:
    """Calls *ring* in the event loop."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def ring_in(self, seconds: float | None) -> None:
        """Ring after so many seconds; None is not at all."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._ring)

    def ring_at(self, moment: datetime | None, now: datetime) -> None:
        """Ring when it is *moment*; None is not at all."""
        self.ring_in(None if moment is None else (moment - now).total_seconds())
