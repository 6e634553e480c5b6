"""Asking a store again until it answers: its being away delays a step and never fails it."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import anyio
import structlog

from tidemill.errors import BadRequest, Failure, NotFound, TooLarge

T = TypeVar("T")

log = structlog.get_logger()

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Spring:
    """Bytes that a store is to take, from the beginning each time; what breaks in here is not the store's."""

    def __init__(self, open: Callable[[], AsyncIterator[bytes]]) -> None:
        self._open = open
        self.error: Exception | None = None

    async def flow(self) -> AsyncIterator[bytes]:
        """All bytes."""
        try:
            async for chunk in self._open():
                yield chunk
        except Exception as error:
            self.error = error
            raise


async def insist(call: Callable[[], Awaitable[T]], spring: Spring | None = None) -> T:
    """The answer of *call*, which takes from *spring*. Raises what asking again would not help against."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return await call()
        except (BadRequest, TooLarge, NotFound):
            raise
        except Failure as error:
            if spring is not None and spring.error is not None:
                raise spring.error from error
            log.warning("the store of archives is away, trying again", error=str(error))
        await anyio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter
        pause = min(2 * pause, _LONGEST_PAUSE)
