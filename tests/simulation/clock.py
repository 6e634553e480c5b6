"""An event loop whose time jumps: to the next timer whenever nothing else is left to do."""

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from tests.simulation.process import PROCESS

#: Turns of the loop without any time passing after which something must be spinning.
_SPINNING = 20_000


class Livelock(Exception):
    """Something goes on and on while no time passes."""


class Standstill(Exception):
    """Nothing will ever happen again."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs what is ready in order; when nothing is, it is the next timer's time."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._turns = 0
        self._clock_resolution = 1e-6
        self._selector = self  # what the base class waits with: `select` below
        self.set_task_factory(_new_task)

    def time(self) -> float:
        return self._now

    def select(self, seconds: float | None) -> tuple[()]:
        """Wait for as long as nothing is ready, which takes no time."""
        if seconds is None:
            raise Standstill
        if seconds > 0:
            self._now += seconds
            self._turns = 0
        self._turns += 1
        if self._turns > _SPINNING:
            raise Livelock(f"no time has passed in {_SPINNING} turns at {self._now:.3f} s")
        return ()

    def _process_events(self, events: tuple[()]) -> None:
        """There are no events but timers."""

    def _write_to_self(self) -> None:
        """Nobody else can wake it."""

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def go_on(self, handles: Iterable[asyncio.Handle]) -> None:
        """Do what a process has put off."""
        self._ready.extend(handles)


class _Owned(asyncio.Handle):
    """What is to be done belongs to the process in whose context it is done."""

    def _run(self) -> None:
        process = self._context.get(PROCESS)
        if process is None or process.may_go_on(self):
            super()._run()


class _Handle(_Owned):
    """Done as soon as possible."""


class _Timer(_Owned, asyncio.TimerHandle):
    """Done at its time."""


class _Task(asyncio.Task[Any]):
    """A task whose hash is its number: sets of tasks are then visited in the same order every time."""

    _numbers = itertools.count()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


def _new_task(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **kwargs: Any
) -> asyncio.Task[Any]:
    return _Task(coro, loop=loop, **kwargs)
