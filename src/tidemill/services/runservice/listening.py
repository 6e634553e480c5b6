"""Since when this process could hear executors: before that, silence says nothing about them."""

from datetime import datetime, timedelta

#: Times that the usual pause between two looks may pass before nobody has listened in between.
_PATIENCE = 3


class Listening:
    """Asked at each look, which comes every *seconds*; a start or a pause of the process begins anew."""

    def __init__(self, seconds: float) -> None:
        self._longest = timedelta(seconds=_PATIENCE * seconds)
        self._since: datetime | None = None
        self._looked_at: datetime | None = None

    def since(self, now: datetime) -> datetime:
        """The first look without a pause behind it."""
        before, self._looked_at = self._looked_at, now
        if self._since is None or before is None or not timedelta(0) <= now - before <= self._longest:
            self._since = now
        return self._since
