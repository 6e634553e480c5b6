"""One piece of work that the event loop hands to a database thread, and its way back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Generic, TypeVar

import structlog

from tidemill.kit.db import failures
from tidemill.kit.db.transaction import ForeignAwait, Snapshot, drive

log = structlog.get_logger()
T = TypeVar("T")

#: Seconds beyond its deadline after which the caller stops waiting for a thread that hangs in a commit.
GRACE = 5.0


class Order(Generic[T]):
    """A function waiting to be run with a snapshot, in the caller's context, until its deadline."""

    def __init__(self, fn: Callable[[Any], Awaitable[T]], seconds: float, name: str) -> None:
        self.deadline = time.monotonic() + seconds
        self.hooks: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._fn = fn
        self._name = name
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[T] = self._loop.create_future()
        self._result: T
        self._failure: BaseException | None = None

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() >= self.deadline

    def run(self, snapshot: Snapshot) -> None:
        """Run the function here and now; it cannot wait for anything, since a thread has no event loop."""
        self._failure = None
        self._result = self._context.run(self._drive, snapshot)

    def fail(self, error: BaseException) -> None:
        """Answer with *error* instead of a result, and run no hooks."""
        self._failure = error
        self.hooks = []

    def answer(self) -> None:
        """Give the caller the outcome; in the event loop, after the hooks."""
        for hook, arguments in self.hooks:
            run_hook(hook, arguments)
        if self._failure is None:
            self._future.set_result(self._result)
        else:
            self._future.set_exception(self._failure)

    async def outcome(self) -> T:
        """Wait for the answer. The caller's cancellation ends the waiting and not the work."""
        patience = self.deadline + GRACE - time.monotonic()
        try:
            await asyncio.wait([self._future], timeout=patience)
        finally:
            if not self._future.done():
                self._future.add_done_callback(log_unheard)
        if not self._future.done():
            raise failures.unknown_outcome(self._name)
        return self._future.result()

    def _drive(self, snapshot: Snapshot) -> T:
        try:
            next(drive(self._fn(snapshot), snapshot))
        except StopIteration as end:
            result: T = end.value
            return result
        raise ForeignAwait


def run_hook(hook: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Run what was registered for after the commit; it cannot undo the commit by failing."""
    try:
        hook(*arguments)
    except Exception:
        log.exception("a hook after a commit failed", hook=getattr(hook, "__qualname__", repr(hook)))


def log_unheard(future: asyncio.Future[Any]) -> None:
    """Log the failure of work whose caller was cancelled, since nobody else will."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.warning("a transaction whose caller had left failed", error=str(error))
