"""Supervised loops: a service returns its loops as data, one task group runs them all.

Every loop is level-triggered: it looks, and closes the difference. A bell makes it prompt, the slow
timer makes it sure, and a failure makes it back off; nothing but the end of the process ends it.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import anyio.lowlevel
import structlog

from tidemill.errors import Unavailable
from tidemill.kit import telemetry
from tidemill.kit.back_off import back_off
from tidemill.kit.contract import Contract
from tidemill.kit.coord import Bell

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

T = TypeVar("T")

FASTEST_TICK = 15.0
_JITTER = 0.1
_LONGEST_BACK_OFF = 60.0

log = structlog.get_logger("supervise")


class Loop:
    """Work that is done at the start, whenever its bell rings, and every *seconds* (15 at the least)."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], seconds: float = 15.0, bell: Bell | None = None
    ) -> None:
        if seconds < FASTEST_TICK:
            raise ValueError(f"loop {name} may not tick faster than every {FASTEST_TICK:g} s; give it a bell")
        self.name = name
        self.work = work
        self.seconds = seconds
        self.bell = bell


#: The contracts of a service, each with the object that keeps it.
Faces = Mapping[type[Contract], Contract]


class Service(Protocol):
    """What the composition root knows of a service."""

    def loops(self) -> list[Loop]:
        """Its supervised work."""

    def faces(self) -> "Faces":
        """What others may ask, and who answers; nothing of a service that only asks."""

    def routes(self) -> "Sequence[BaseRoute]":
        """What it answers over HTTP."""

    async def start(self) -> None:
        """Get ready to serve; before any loop or route."""

    async def close(self) -> None:
        """Let go of everything; after every loop and route."""


async def run_loops(loops: Iterable[Loop]) -> None:
    """Run *loops* until cancelled."""
    async with anyio.create_task_group() as group:
        for loop in loops:
            group.start_soon(_turn, loop, name=f"loop {loop.name}")


async def one_by_one(loop: str, items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> list[T]:
    """Do *work* with each of *items*; one that fails is logged, and keeps no other from its turn.

    Answers with which it was done. Unavailable is raised: what is away is no fault of the item.
    """
    done: list[T] = []
    for item in items:
        try:
            await work(item)
        except Unavailable:
            raise
        except Exception:
            telemetry.loop_failures.labels(loop).inc()
            log.exception("one of many failed, going on with the others", loop=loop, item=item)
        else:
            done.append(item)
    return done


async def _turn(loop: Loop) -> None:
    cause, failures = "start", 0
    while True:
        telemetry.loop_runs.labels(loop.name, cause).inc()
        try:
            await loop.work()
        except Exception:
            telemetry.loop_failures.labels(loop.name).inc()
            seconds = back_off(failures, first=1, most=_LONGEST_BACK_OFF)
            failures += 1
            log.exception("loop failed", loop=loop.name, failures=failures, again_in=seconds)
            await anyio.sleep(seconds)
            cause = "retry"
        else:
            failures = 0
            await anyio.lowlevel.checkpoint()  # a loop that rings its own bell leaves the others a turn
            cause = await _rest(loop)


async def _rest(loop: Loop) -> str:
    """Wait for the bell or the timer; answers which it was."""
    seconds = loop.seconds * random.uniform(1, 1 + _JITTER)  # noqa: S311 - spreads load
    if loop.bell is None:
        await anyio.sleep(seconds)
        return "tick"
    return "wake" if await loop.bell.wait(seconds) else "tick"
