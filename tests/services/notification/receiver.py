"""A receiver of webhooks on loopback that does what a test wants: answer, fail, wait, talk without end."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import msgspec

from tidemill.contracts.run_webhook import RunWebhook

SECRET = "the-webhook-secret"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


class Request(msgspec.Struct, frozen=True):
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def webhook(self) -> RunWebhook:
        return msgspec.json.decode(self.body, type=RunWebhook)

    @property
    def state(self) -> tuple[str, str]:
        """Phase and result of the run that it tells of."""
        return self.webhook.run.phase, self.webhook.run.result

    @property
    def is_signed(self) -> bool:
        """As Agola's own test looks at it."""
        made = hmac.new(SECRET.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(made, self.headers["x-agola-sha256signature"])


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answer(data: bytes) -> Answer:
    """Always the same bytes."""

    async def write(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return write


def status(code: int) -> Answer:
    """Always the same status."""
    body = b"\r\n" if code == 204 else b"Content-Length: 4\r\n\r\nbody"
    return answer(b"HTTP/1.1 %d Whatever\r\n%b" % (code, body))


class Receiver:
    """What has come, and what is answered next."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Answer = answer(CREATED)
        self.at_once = self.most_at_once = 0
        self.connections = 0
        self.url = ""
        self._came = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    async def end(self) -> None:
        """Hang up."""
        open_ones = set(self._connections)
        for task in open_ones:
            task.cancel()
        if open_ones:
            await asyncio.wait(open_ones)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it or the test ends."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in fields)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Request(line, headers, body)
                self.at_once += 1
                self.most_at_once = max(self.at_once, self.most_at_once)
                self.requests.append(request)
                self._came.set()
                try:
                    await self.answer(request, writer)
                finally:
                    self.at_once -= 1
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked has gone, or the test is over
        finally:
            self._connections.discard(task)
            writer.close()

    async def wait_for(self, count: int) -> list[Request]:
        """All requests, once there are so many."""
        with anyio.fail_after(60):
            while len(self.requests) < count:
                self._came.clear()
                await self._came.wait()
        return self.requests

    @property
    def states(self) -> list[tuple[str, str]]:
        return [request.state for request in self.requests]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?token=of-the-url"
    try:
        yield receiver
    finally:
        server.close()
        await receiver.end()
