"""What the code under test takes from the machine it runs on, replaced by what the simulated world says."""

import contextlib
import logging
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import structlog
from anyio._backends import _asyncio as anyio_backend

from tests.simulation.clock import SimulatedLoop
from tests.simulation.history import History
from tests.simulation.machine import Machine
from tests.simulation.process import EPOCH, PROCESS
from tidemill.errors import typed
from tidemill.kit.coord import bells
from tidemill.services.executor import holding
from tidemill.services.runservice.logs import appending
from tidemill.work import directory

T = TypeVar("T")


def take_over(loop: SimulatedLoop, seed: int, history: History, machines: Mapping[str, Machine]) -> None:
    """Nothing is put back: a world has an operating system's process to itself, which ends with it."""
    random.seed(seed)
    time.monotonic = loop.time
    time.time = lambda: EPOCH.timestamp() + loop.time()
    anyio.to_thread.run_sync = _in_no_thread
    for kind in (bells.Bell, anyio_backend.CancelScope):
        _hash_by_number(kind)
    holding.boot_id = lambda: _machine(machines).boot
    appending.DIRECT, appending.FOLD = 2000, 6000  # small logs take all forms too
    _watch_files(machines)
    _listen_to_logs(history)


async def _in_no_thread(work: Callable[..., T], *args: Any, **_options: Any) -> T:
    """At once, and as a thread does it: nobody's cancellation hinders it."""
    await anyio.lowlevel.checkpoint()
    result = work(*args)
    with anyio.CancelScope(shield=True):
        await anyio.sleep(random.uniform(0.0001, 0.002))
    return result


def _hash_by_number(kind: type) -> None:
    """Sets of such things are then visited in the same order every time."""
    numbers: dict[int, tuple[int, Any]] = {}

    def number(self: Any) -> int:
        # With the number the thing itself is kept, so that its address is not given to another.
        return numbers.setdefault(id(self), (len(numbers), self))[0]

    kind.__hash__ = number  # type: ignore[method-assign,assignment]  # that is the point


def _machine(machines: Mapping[str, Machine]) -> Machine:
    process = PROCESS.get()
    assert process is not None
    return machines[process.name]


def _watch_files(machines: Mapping[str, Machine]) -> None:
    replace = directory._replace

    def watched(path: Path, content: bytes, *, durable: bool) -> None:
        replace(path, content, durable=False)
        _machine(machines).wrote(path, content, durable=durable)

    directory._replace = watched
    directory._sync_directory = lambda path: None


def _listen_to_logs(history: History) -> None:
    """Nothing is printed, and an exception that is no failure of ours is a bug."""

    def listen(_logger: Any, _method: str, event: Any) -> Any:
        error = sys.exc_info()[1]
        if event.get("exc_info") and error is not None:
            history.tell("logs {}: {!r}", event["event"], error)
            if typed(error) is None and not isinstance(error, OSError):
                history.complain("an unexpected exception", f"{event['event']}: {unfolded(error)!r}")
        elif _method in ("warning", "error"):
            history.tell("warns {}", {key: value for key, value in event.items() if key != "exc_info"})
        raise structlog.DropEvent

    structlog.configure(
        processors=[listen],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )


def unfolded(error: BaseException) -> BaseException:
    """The first of those in a group."""
    with contextlib.suppress(IndexError):
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    return error
