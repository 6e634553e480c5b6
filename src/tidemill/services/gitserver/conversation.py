"""Between a client and a git process: the body goes one way, the answer the other, at the same time."""

from collections.abc import AsyncIterator, Callable

import anyio
from starlette.requests import ClientDisconnect

from tidemill.errors import BadRequest, Failure
from tidemill.kit.git.process import Process
from tidemill.services.gitserver.exchange import Exchange, standstill


class Conversation:
    """One request as it passes through git.

    It ends when git has ended its answer. Before that it ends when the client goes away: while its
    body is incomplete, or at any time if nothing but an answer is lost with it (*is_read_only*). It
    also ends when nothing moves for a long time. Whoever started the process then ends it.
    """

    def __init__(self, exchange: Exchange, process: Process, *, is_read_only: bool) -> None:
        self._exchange = exchange
        self._process = process
        self._is_read_only = is_read_only
        self.error: Failure | None = None
        """Why it was ended, if the client is still there to be told."""

    async def hold(
        self, body: AsyncIterator[bytes], pass_on: Callable[[bytes], bytes], is_ended: Callable[[], bool]
    ) -> None:
        """Give *body* to git, and what *pass_on* makes of its answer to the client, until *is_ended*."""
        with self._exchange.patience() as patience:
            async with anyio.create_task_group() as group:
                group.start_soon(self._feed, body, group.cancel_scope)
                while not is_ended() and (block := await self._process.read()):
                    await self._answer(pass_on(block), group.cancel_scope)
                if self._is_read_only:
                    group.cancel_scope.cancel()  # it waits for the client to leave
        if patience.cancelled_caught:
            self.error = standstill()

    async def _feed(self, body: AsyncIterator[bytes], scope: anyio.CancelScope) -> None:
        try:
            async for block in body:
                await self._process.write(block)
            self._process.end_input()
            if self._is_read_only:
                await self._exchange.left()
                scope.cancel()
        except BrokenPipeError:
            await self._drain(body)
        except ClientDisconnect:
            scope.cancel()
        except BadRequest as error:
            self.error = error
            scope.cancel()

    async def _drain(self, body: AsyncIterator[bytes]) -> None:
        """Read what git did not want, so that the client comes to read why."""
        try:
            async for _ in body:
                pass
        except (ClientDisconnect, BadRequest):
            return  # git's own answer says more

    async def _answer(self, block: bytes, scope: anyio.CancelScope) -> None:
        try:
            await self._exchange.write(block)
        except OSError:  # the client is gone; a push goes on without it
            if self._is_read_only:
                scope.cancel()
