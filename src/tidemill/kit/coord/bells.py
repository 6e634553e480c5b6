"""Bells: hints that something may have changed, so that nobody has to poll.

A bell is coalesced and lossy by design: it says "look again", never what happened. Every listener
also wakes on a slow timer, so that a lost ring makes it late and never wrong.
"""

import asyncio
from types import TracebackType
from typing import Self

import anyio


class Bell:
    """One listener's bell. It stays rung until its owner has waited for it."""

    def __init__(self, bells: "Bells", prefixes: tuple[str, ...]) -> None:
        self.prefixes = prefixes
        self._bells = bells
        self._rung = asyncio.Event()

    async def wait(self, timeout: float = 15.0) -> bool:  # noqa: ASYNC109 - the slow timer is the bell's own
        """Wait until rung or *timeout* seconds have passed; True if rung since the last wait."""
        if not self._rung.is_set():
            with anyio.move_on_after(timeout):
                await self._rung.wait()
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    def ring(self) -> None:
        """Ring this bell alone, as its owner does to wake its own loop."""
        self._rung.set()

    def close(self) -> None:
        """Hear nothing any more."""
        self._bells.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bells:
    """The bells of one process. Names are paths (`runs/17`); a listener hears every name under its prefix.

    Every method is called in the event loop.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, set[Bell]] = {}

    def ring(self, name: str) -> None:
        """Wake whoever listens to a prefix of *name*; costs next to nothing when nobody does."""
        for end in range(len(name) + 1):
            for bell in self._listeners.get(name[:end], ()):
                bell.ring()

    def ring_all(self) -> None:
        """Wake every listener: rings may have been missed."""
        for listeners in self._listeners.values():
            for bell in listeners:
                bell.ring()

    def listen(self, *prefixes: str) -> Bell:
        """A new bell for every name that begins with one of *prefixes*; "" hears everything."""
        bell = Bell(self, prefixes)
        for prefix in prefixes:
            self._listeners.setdefault(prefix, set()).add(bell)
        return bell

    def forget(self, bell: Bell) -> None:
        """Stop ringing *bell*."""
        for prefix in bell.prefixes:
            listeners = self._listeners.get(prefix)
            if listeners is not None:
                listeners.discard(bell)
                if not listeners:
                    del self._listeners[prefix]
