"""One watch of etcd on one connection; it ends when that does."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc.aio
from aetcd import rpc

from tidemill.errors import Unavailable
from tidemill.kit.coord.etcd.requests import failure, is_compacted


class Stream:
    """What a member tells, until it fails: with Unavailable, or Conflict when history is missing."""

    def __init__(self, call: Any, forget_token: Callable[[], None]) -> None:
        self._call = call
        self._forget_token = forget_token
        self._reading: asyncio.Task[Any] | None = None

    async def begin(self, request: Any, seconds: float) -> None:
        """Send *request*, and wait until the member watches."""
        try:
            async with asyncio.timeout(seconds):
                await self._call.write(request)
                self._checked(await self._call.read())
        except TimeoutError as error:
            self.close()
            raise Unavailable("etcd does not answer", code="coordinatorAway") from error
        except asyncio.InvalidStateError as error:  # it has ended before anything could be written
            raise await self._end() from error
        except BaseException:
            self.close()
            raise

    async def next(self, timeout: float) -> Any | None:  # noqa: ASYNC109 - a long poll
        """The next answer, None when *timeout* seconds have passed without one."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
            self._reading.add_done_callback(_retrieve)
        # The read is not cancelled with its waiter: that would end the whole stream.
        await asyncio.wait([self._reading], timeout=timeout)
        if not self._reading.done():
            return None
        reading, self._reading = self._reading, None
        try:
            return self._checked(reading.result())
        except rpc.AioRpcError as error:
            raise failure(error) from error
        except asyncio.CancelledError:
            raise Unavailable("the watch was closed", code="coordinatorAway") from None

    def close(self) -> None:
        """Hear nothing more."""
        self._call.cancel()

    def _checked(self, answer: Any) -> Any:
        if answer is grpc.aio.EOF:
            raise Unavailable("etcd has ended the watch", code="coordinatorAway")
        if answer.compact_revision:
            raise is_compacted(answer.compact_revision)
        if answer.canceled:
            self._forget_token()  # the usual reason, and a new one costs little
            raise Unavailable(f"etcd has ended the watch: {answer.cancel_reason}", code="coordinatorAway")
        return answer

    async def _end(self) -> Unavailable:
        details = await self._call.details()
        return Unavailable(f"etcd does not answer: {details}", code="coordinatorAway")


def _retrieve(reading: asyncio.Task[Any]) -> None:
    """Nobody may be left to read the last one's failure."""
    if not reading.cancelled():
        reading.exception()
