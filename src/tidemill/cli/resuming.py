"""What a server streams, whole and once, though connections break and the server is restarted."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import anyio

from tidemill.contracts.gateway import Gateway
from tidemill.errors import Unavailable
from tidemill.kit.back_off import back_off
from tidemill.kit.event_stream import Message, Parser, messages
from tidemill.kit.streams import closing

#: Seconds without a word after which a server that has answered before is given up.
PATIENCE = 60.0
#: A stream that was open for so long did work, though nothing was said on it.
_STEADY = 10.0
_SLOWEST = 3.0


class Persistence:
    """Asks a server again that has answered before; one that never has is given up at once."""

    def __init__(self) -> None:
        self._is_known = False
        self._opened_at: float | None = None
        self._failing_since: float | None = None
        self._failures = 0

    def opened(self) -> None:
        """The server has answered; what it says follows."""
        self._is_known = True
        self._opened_at = time.monotonic()

    def heard(self) -> None:
        """The server has said something."""
        self._is_known = True
        self._failing_since, self._failures = None, 0

    def broke(self, error: Unavailable) -> None:
        """Raises *error* when it is not worth trying again."""
        now = time.monotonic()
        if self._opened_at is not None and now - self._opened_at > _STEADY:
            self.heard()
        self._opened_at = None
        self._failing_since = now if self._failing_since is None else self._failing_since
        if not self._is_known or now - self._failing_since > PATIENCE:
            raise error

    async def pause(self) -> None:
        """Wait before the next try, a little longer each time."""
        await anyio.sleep(back_off(self._failures, first=0.1, most=_SLOWEST))
        self._failures += 1


async def resumed(open_at: Callable[[int], Awaitable[AsyncIterator[bytes]]]) -> AsyncIterator[bytes]:
    """The bytes of a stream that is opened at an offset, each once and in order, until it ends."""
    offset = 0
    persistence = Persistence()
    while True:
        try:
            async with closing(await open_at(offset)) as blocks:
                persistence.opened()
                async for block in blocks:
                    persistence.heard()
                    offset += len(block)
                    yield block
        except Unavailable as error:
            persistence.broke(error)
            await persistence.pause()
        else:
            return


async def resumed_events(
    open_behind: Callable[[str], Awaitable[AsyncIterator[bytes]]], after: str
) -> AsyncGenerator[Message]:
    """The messages of an event stream that is opened behind an id, each once and in order, without end."""
    parser = Parser(after)
    persistence = Persistence()
    while True:
        try:
            stream = await open_behind(parser.last_id)
            persistence.opened()
            parser = Parser(parser.last_id)
            async with aclosing(messages(stream, parser)) as told:
                async for message in told:
                    persistence.heard()
                    yield message
            persistence.broke(Unavailable("the stream of events has ended"))
        except Unavailable as error:
            persistence.broke(error)
        await persistence.pause()


def step_log(
    gateway: Gateway,
    project: str,
    number: int,
    task: str,
    *,
    step: int | None,
    follow: bool,
    attempt: int,
) -> AsyncIterator[bytes]:
    """The log of a step (None is the setup) in an attempt of a task, to its end now or, followed, at last."""

    async def open_at(offset: int) -> AsyncIterator[bytes]:
        return await gateway.project_run_log(
            project,
            str(number),
            task,
            setup="" if step is None else None,
            step=None if step is None else str(step),
            follow="" if follow else None,
            offset=offset,
            attempt=attempt,
        )

    return resumed(open_at)
