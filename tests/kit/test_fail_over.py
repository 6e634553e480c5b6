"""A service at several addresses: who answers is asked, and nothing that may have been done is repeated."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import anyio
import pytest

from tests.kit.probe import PREFIX, Item, Probe, ProbeService, running
from tidemill.errors import Unavailable
from tidemill.kit.connect import connect, http_client
from tidemill.kit.http import make_app, serve

pytestmark = pytest.mark.anyio

SECONDS = 10


class Broken:
    """An address where requests are read and then hung up on."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.url = ""

    async def hang_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard.append(head.split(b" ")[0].decode())
        writer.close()

    async def refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer that something here is away."""
        await reader.readuntil(b"\r\n\r\n")
        self.heard.append("refused")
        writer.write(b"HTTP/1.1 503 Away\r\ncontent-length: 4\r\nconnection: close\r\n\r\naway")
        writer.close()


@pytest.fixture
async def stack(anyio_backend: str) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def good(stack: AsyncExitStack) -> str:
    """The address of a service that works."""
    return await stack.enter_async_context(running(make_app(serve(Probe, ProbeService(), PREFIX))))


@pytest.fixture(autouse=True)
def begin_with_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.randrange", lambda _: 0)


async def broken(stack: AsyncExitStack, *, refuses: bool = False) -> Broken:
    place = Broken()
    server = await asyncio.start_server(place.refuse if refuses else place.hang_up, "127.0.0.1")
    await stack.enter_async_context(server)
    place.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    return place


async def at(stack: AsyncExitStack, *urls: str) -> Probe:
    http = await stack.enter_async_context(http_client(", ".join(urls)))
    return connect(Probe, http, PREFIX)


def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def test_what_could_not_be_sent_goes_to_the_next_address(stack: AsyncExitStack, good: str) -> None:
    """Also what changes something: nobody has heard of it."""
    probe = await at(stack, nobody(), nobody(), good)
    with anyio.fail_after(SECONDS):
        assert await probe.create(Item(name="oar"))
        assert (await probe.state()).name


async def test_a_question_is_asked_again_elsewhere(stack: AsyncExitStack, good: str) -> None:
    """A connection that breaks under a reading call costs nothing; the broken one is not asked again."""
    place = await broken(stack)
    probe = await at(stack, place.url, good)
    with anyio.fail_after(SECONDS):
        for _ in range(3):
            assert (await probe.state()).name
    assert place.heard == ["GET"]


async def test_what_may_have_been_done_is_not_repeated(stack: AsyncExitStack, good: str) -> None:
    """A changing call whose answer is lost fails, once; its caller's next one goes elsewhere."""
    place = await broken(stack)
    probe = await at(stack, place.url, good)
    with anyio.fail_after(SECONDS):
        with pytest.raises(Unavailable, match=place.url):
            await probe.create(Item(name="oar"))
        await probe.create(Item(name="oar"))
    assert place.heard == ["POST"]


async def test_an_instance_that_cannot_serve_is_left(stack: AsyncExitStack, good: str) -> None:
    """A 503 is the caller's answer, and the next call goes to another instance."""
    place = await broken(stack, refuses=True)
    probe = await at(stack, place.url, good)
    with anyio.fail_after(SECONDS):
        with pytest.raises(Unavailable, match="away"):
            await probe.state()
        assert (await probe.state()).name
    assert place.heard == ["refused"]


async def test_nobody_anywhere_is_unavailable(stack: AsyncExitStack) -> None:
    """Each address is tried once."""
    probe = await at(stack, nobody(), nobody())
    with anyio.fail_after(SECONDS), pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        await probe.state()
