"""Try again until a deadline, with pauses that grow and differ."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tidemill.kit.db import failures

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5


class Patience:
    """A deadline, and what may be tried until then."""

    def __init__(self, seconds: float, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._has_raced = False

    def bound(self) -> asyncio.Timeout:
        """A block that ends at the deadline with TimeoutError."""
        return asyncio.timeout_at(self._deadline)

    async def retry(self, attempt: Callable[["Patience"], Awaitable[T]]) -> T:
        """The answer of the first *attempt* that does not fail for a reason that passes."""
        pause = _FIRST_PAUSE
        reason: Exception | None = None
        while self._loop.time() < self._deadline:
            try:
                return await attempt(self)
            except Exception as error:
                if not self._helps(error):
                    # Out of time: what kept failing says more than that it took long.
                    known = reason if reason is not None and isinstance(error, TimeoutError) else error
                    told = failures.from_postgres(known, self._name)
                    if told is error:
                        raise
                    raise told from error
                reason = error
            rest = random.uniform(pause / 2, pause)  # noqa: S311 - no secret
            await asyncio.sleep(min(rest, self._deadline - self._loop.time()))
            pause = min(pause * 2, _LONGEST_PAUSE)
        if reason is None:
            raise failures.overdue(self._name)
        raise failures.from_postgres(reason, self._name) from reason

    def _helps(self, error: Exception) -> bool:
        """Whether another attempt may end differently."""
        if failures.is_race(error) and not self._has_raced:
            # Another transaction inserted the same thing first. Run once more: what was looked for
            # before the insert is there now, and the store gives its own answer.
            self._has_raced = True
            return True
        return failures.is_passing(error)
