"""One thread around one poll: what to do when a descriptor is readable, and when a time has come."""

import os
import select
import time

TYPE_CHECKING = False  # `typing` and `collections` cost another 3 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Polling:
    """Descriptors and timers with what is to be done about them."""

    def __init__(self) -> None:
        self.poll = select.poll()
        self.ready: dict[int, Callable[[], object]] = {}
        self.timers: dict[Hashable, tuple[float, Callable[[], object]]] = {}

    def watch(self, fd: int, ready: "Callable[[], object]") -> None:
        """Do that whenever there is something to read."""
        os.set_blocking(fd, False)
        self.ready[fd] = ready
        self.poll.register(fd, select.POLLIN)

    def rest(self, fd: int, seconds: float) -> None:
        """Do not look at it for a while, unless it comes to its end."""
        self.poll.modify(fd, 0)
        self.at(fd, seconds, lambda: self.poll.modify(fd, select.POLLIN))

    def drop(self, fd: int) -> None:
        """Close it."""
        if self.ready.pop(fd, None):
            self.poll.unregister(fd)
            self.cancel(fd)
        os.close(fd)

    def at(self, name: "Hashable", seconds: float, do: "Callable[[], object]") -> None:
        """Do that once, in so many seconds from now, in place of what *name* stood for."""
        self.timers[name] = time.monotonic() + seconds, do

    def cancel(self, name: "Hashable") -> None:
        """Do not."""
        self.timers.pop(name, None)

    def turn(self) -> None:
        """Wait for something to do, and do it."""
        next_at = min((at for at, _ in self.timers.values()), default=None)
        wait = None if next_at is None else max(0.0, (next_at - time.monotonic()) * 1000)
        for fd, _ in self.poll.poll(wait):
            if fd in self.ready:
                self.ready[fd]()
        now = time.monotonic()
        for name in [name for name, (at, _) in self.timers.items() if at <= now]:
            if name in self.timers:
                self.timers.pop(name)[1]()
