"""Streams that may last: who reads one is asked about again from time to time."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio

from tidemill.errors import Unavailable
from tidemill.kit.streams import closing

#: How long a reader may go on whose token was deleted, or whose project became private.
SECONDS = 15.0


async def while_allowed(
    chunks: AsyncIterator[bytes], ask: Callable[[], Awaitable[object]]
) -> AsyncIterator[bytes]:
    """*chunks* as they come, as long as *ask* raises nothing; a stream that is refused is cut."""
    asked_at = anyio.current_time()
    async with closing(chunks):
        async for chunk in chunks:
            if anyio.current_time() - asked_at >= SECONDS:
                asked_at = anyio.current_time()
                await _ask(ask)
            yield chunk


async def _ask(ask: Callable[[], Awaitable[object]]) -> None:
    try:
        await ask()
    except Unavailable:
        return  # nobody said no
