"""A way to PostgreSQL that breaks where a test wants it to: before a commit is heard, or before it is answered."""

import asyncio
import threading
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType
from typing import Self

_COMMITS = (b"COMMIT;\0", b"COMMIT\0")
_BLOCK = 1 << 16


class Fate(Enum):
    """What becomes of a commit on its way."""

    PASS = auto()
    UNHEARD = auto()
    """The connection breaks before the server has heard of it: nothing is changed."""
    UNANSWERED = auto()
    """The server commits, and the connection breaks before anybody learns of it."""


class Proxy:
    """Passes connections on to a server at a Unix socket, in a thread of its own."""

    def __init__(self, socket: str) -> None:
        self.fate: Callable[[], Fate] = lambda: Fate.PASS
        self.cuts: list[Fate] = []
        self.is_closed = False
        """Nobody gets through any more; who is connected stays so."""
        self.port = 0
        self._socket = socket
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1")
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_closed:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.close()
            return
        swallow = asyncio.Event()
        pumps = [
            asyncio.create_task(self._to_server(reader, back, swallow)),
            asyncio.create_task(_to_client(there, writer, swallow)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.transport.abort()
            back.close()

    async def _to_server(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, swallow: asyncio.Event
    ) -> None:
        while block := await reader.read(_BLOCK):
            if any(commit in block for commit in _COMMITS):
                fate = self.fate()
                if fate is not Fate.PASS:
                    self.cuts.append(fate)
                if fate is Fate.UNHEARD:
                    return
                if fate is Fate.UNANSWERED:
                    swallow.set()
            back.write(block)
            await back.drain()


async def _to_client(
    there: asyncio.StreamReader, writer: asyncio.StreamWriter, swallow: asyncio.Event
) -> None:
    while block := await there.read(_BLOCK):
        if swallow.is_set():
            return
        writer.write(block)
        await writer.drain()
