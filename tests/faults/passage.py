"""A way to a service on which transfers stand still in their middle, until a test has done what it wants to."""

import asyncio
import re
import threading
from typing import Literal

from tests.faults.relay import BLOCK, Passing, Relay

#: Seconds in which a transfer has begun, whatever has to be done before.
_PATIENCE = 60.0
_LONGEST_HEAD = 2048

Direction = Literal["up", "down"]


class Halt:
    """The next request that fits stands still once so many bytes of it, or of its answer, have passed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, request: str, direction: Direction, after: int):
        self.request = re.compile(request.encode())
        self.direction = direction
        self.after = after
        self.is_free = True
        """No request has met it yet."""
        self.is_cut = False
        self._loop = loop
        self._reached = threading.Event()
        self._over = asyncio.Event()

    def reached(self) -> None:
        """Wait until the transfer is in its middle and stands still."""
        assert self._reached.wait(_PATIENCE), f"never in the middle of {self.request.pattern!r}"

    def cut(self) -> None:
        """The connection breaks, for both."""
        self.is_cut = True
        self.go_on()

    def go_on(self) -> None:
        """It passes, if both ends are still there."""
        self._loop.call_soon_threadsafe(self._over.set)

    async def stand_still(self) -> None:
        self._reached.set()
        await self._over.wait()


class Passage(Relay):
    """Passes HTTP on to a port of this host."""

    def __init__(self, to: int) -> None:
        super().__init__()
        self.halts: list[Halt] = []
        self._to = to

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def halt(self, request: str, direction: Direction, after: int) -> Halt:
        """Let a request stand still; *request* is a regular expression for the beginning of its first line."""
        self.halts.append(Halt(self.loop, request, direction, after))
        return self.halts[-1]

    def passing(self) -> Passing:
        return _Transfers(self)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._to)


class _Transfers(Passing):
    """A connection, on which one request follows the other."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._halt: Halt | None = None
        self._passed = 0

    async def to_server(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while block := await client.read(BLOCK):
            self._meet(block)
            if not await self._may_pass("up", len(block)):
                return
            server.write(block)
            await server.drain()

    async def to_client(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while block := await server.read(BLOCK):
            if not await self._may_pass("down", len(block)):
                return
            client.write(block)
            await client.drain()

    def _meet(self, block: bytes) -> None:
        """A request is sent whole before anything of its body, so that its line begins a block."""
        for halt in self._passage.halts:
            if halt.is_free and halt.request.match(block[:_LONGEST_HEAD]):
                halt.is_free = False
                self._halt, self._passed = halt, 0
                return

    async def _may_pass(self, direction: Direction, size: int) -> bool:
        """False when the connection is to break here."""
        halt = self._halt
        if halt is None or halt.direction != direction:
            return True
        self._passed += size
        if self._passed < halt.after:
            return True
        self._halt = None
        await halt.stand_still()
        return not halt.is_cut
