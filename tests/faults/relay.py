"""A way between a client and a server, in a thread of its own; tests say what becomes of what passes."""

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

BLOCK = 1 << 16


class Passing:
    """One connection on its way: what the client sends goes to the server, and back."""

    async def to_server(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        """Until the client says no more, or the test wants it to end."""
        await pump(client, server)

    async def to_client(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Until the server says no more, or the test wants it to end."""
        await pump(server, client)


class Relay:
    """Passes connections on to a server; where either way ends, both ends of a connection are cut."""

    def __init__(self) -> None:
        self.is_closed = False
        """Nobody gets through any more; who is connected stays so."""
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def passing(self) -> Passing:
        """What becomes of a new connection."""
        return Passing()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the server."""
        raise NotImplementedError

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

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
            there, back = await self.open()
        except OSError:
            writer.close()
            return
        passing = self.passing()
        pumps = [
            asyncio.create_task(passing.to_server(reader, back)),
            asyncio.create_task(passing.to_client(there, writer)),
        ]
        with suppress(asyncio.CancelledError):  # the relay ends, and this with it
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for one in pumps:
            one.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        writer.transport.abort()
        back.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything, as it comes."""
    while block := await reader.read(BLOCK):
        writer.write(block)
        await writer.drain()
