"""What stands under a prefix, kept up to date: by a watch, and by a fresh read whenever that cannot go on."""

from collections.abc import Mapping
from types import MappingProxyType

from tidemill.errors import Conflict
from tidemill.kit.coord.coordinator import Coordinator, Watch


class View:
    """The values under *prefix* by key, as they stood when `look` answered last."""

    def __init__(self, coordinator: Coordinator, prefix: str) -> None:
        self._coordinator = coordinator
        self._prefix = prefix
        self._values: dict[str, bytes] = {}
        self._watch: Watch | None = None

    @property
    def values(self) -> Mapping[str, bytes]:
        return MappingProxyType(self._values)

    async def look(self, timeout: float = 15.0) -> bool:  # noqa: ASYNC109 - a long poll
        """Wait until something has changed, and show it; False when nothing has for *timeout* seconds.

        The first look reads everything and waits for nothing. So does the one after history was lost.
        """
        if self._watch is not None:
            try:
                changes = await self._watch.next(timeout)
            except Conflict as error:
                if error.code != "compacted":
                    raise
                self.close()
            else:
                for change in changes:
                    if change.value is None:
                        self._values.pop(change.key, None)
                    else:
                        self._values[change.key] = change.value
                return bool(changes)
        listing = await self._coordinator.entries(self._prefix)
        self._values = {entry.key: entry.value for entry in listing.entries}
        self._watch = self._coordinator.watch(self._prefix, listing.revision)
        return True

    def close(self) -> None:
        """Watch no more; the next look reads everything again."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
