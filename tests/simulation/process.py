"""A process of the simulated world: it can be killed at any await, be stopped and go on, and its clock be wrong."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

#: Whose turn it is; None is the world itself.
PROCESS: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("process", default=None)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Process:
    """One life of a process. What is dead does not even clean up: none of its coroutines goes on."""

    def __init__(self, name: str, life: int, world_died: Callable[["Process"], None]) -> None:
        self.name = name
        self.life = life
        self.is_dead = False
        self.is_leaving = False
        """It has been asked to go, and does."""
        self.faces: Mapping[Any, Any] = {}
        """What it answers; empty while it does not listen."""
        self.skew = timedelta(0)
        self.turns_left: int | None = None
        """Turns until it dies."""
        self.main: asyncio.Task[None] | None = None
        self.service: Any = None
        self._died = world_died
        self._is_paused = False
        self._backlog: list[asyncio.Handle] = []
        self._ids = 0
        self._context = contextvars.copy_context()
        self._context.run(PROCESS.set, self)

    def __repr__(self) -> str:
        return f"{self.name}.{self.life}"

    def may_go_on(self, handle: asyncio.Handle) -> bool:
        """Whether the next step may be done now; a process that stands still puts it off."""
        if self.is_dead:
            return False
        if self._is_paused:
            self._backlog.append(handle)
            return False
        if self.turns_left is not None:
            self.turns_left -= 1
            if self.turns_left < 0:
                self.die()
        return not self.is_dead

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do *work* as a part of this process."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def die(self) -> None:
        """End at once, wherever it is."""
        if not self.is_dead:
            self.is_dead = True
            self.faces = {}
            self._backlog.clear()
            self._died(self)

    def pause(self) -> None:
        """Stand still; what happens to it meanwhile is seen when it goes on."""
        self._is_paused = True

    def resume(self, go_on: Callable[[Iterable[asyncio.Handle]], None]) -> None:
        """Go on."""
        self._is_paused = False
        backlog, self._backlog = self._backlog, []
        go_on(handle for handle in backlog if not handle.cancelled())

    def clock(self) -> datetime:
        """The time as this process knows it."""
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time()) + self.skew

    def new_id(self) -> str:
        """An id that nobody else makes."""
        self._ids += 1
        return f"{self.name}-{self.life}-{self._ids}"
