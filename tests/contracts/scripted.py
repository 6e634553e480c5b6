"""A server that says what a test has written down, byte for byte, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager


class Scripted:
    """What is answered to each request in turn, a connection each; the last answer is repeated."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        """The request lines."""
        self.heads: list[str] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        self.asked.append(head.split("\r\n")[0].removesuffix(" HTTP/1.1"))
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        await writer.drain()
        writer.close()


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[Scripted]:
    """A server on a loopback port that gives *answers*."""
    script = Scripted(answers)
    server = await asyncio.start_server(script.answer, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield script


def answer(status: int, body: str = "", *headers: str) -> bytes:
    """An answer of HTTP whose connection is closed behind it."""
    lines = [
        f"HTTP/1.1 {status} Said",
        f"Content-Length: {len(body.encode())}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", body]).encode()


def stream(*chunks: str, is_whole: bool = True, framed: bool = True) -> bytes:
    """A log that is streamed; not whole, it lacks its end; not framed, nobody can tell."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    if not framed:
        return (head + "\r\n" + "".join(chunks)).encode()
    body = "".join(f"{len(chunk.encode()):x}\r\n{chunk}\r\n" for chunk in chunks)
    return (head + "Transfer-Encoding: chunked\r\n\r\n" + body + ("0\r\n\r\n" if is_whole else "")).encode()
