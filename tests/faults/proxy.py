"""A way to PostgreSQL that breaks where a test wants it to: before a commit is heard, or before it is answered."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from tests.faults.relay import BLOCK, Passing, Relay

_COMMITS = (b"COMMIT;\0", b"COMMIT\0")


class Fate(Enum):
    """What becomes of a commit on its way."""

    PASS = auto()
    UNHEARD = auto()
    """The connection breaks before the server has heard of it: nothing is changed."""
    UNANSWERED = auto()
    """The server commits, and the connection breaks before anybody learns of it."""


class Proxy(Relay):
    """Passes connections on to a server at a Unix socket."""

    def __init__(self, socket: str) -> None:
        super().__init__()
        self.fate: Callable[[], Fate] = lambda: Fate.PASS
        self.cuts: list[Fate] = []
        self._socket = socket

    def passing(self) -> Passing:
        return _Commits(self)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._socket)


class _Commits(Passing):
    """A connection whose commits have their fates."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._swallow = asyncio.Event()

    async def to_server(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while block := await client.read(BLOCK):
            if any(commit in block for commit in _COMMITS):
                fate = self._proxy.fate()
                if fate is not Fate.PASS:
                    self._proxy.cuts.append(fate)
                if fate is Fate.UNHEARD:
                    return
                if fate is Fate.UNANSWERED:
                    self._swallow.set()
            server.write(block)
            await server.drain()

    async def to_client(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while block := await server.read(BLOCK):
            if self._swallow.is_set():
                return
            client.write(block)
            await client.drain()
