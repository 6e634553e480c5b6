"""The HTTP side of a git request: bodies in any form, odd requests, clients that go away or stand still."""

import asyncio
import gzip
import os
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.services.gitserver.hosting import TOKEN, Hosting, User
from tidemill.kit.git.pktline import FLUSH, packet

pytestmark = pytest.mark.anyio

NONE = "0" * 40
RECEIVE = {"Content-Type": "application/x-git-receive-pack-request"}
UPLOAD = {"Content-Type": "application/x-git-upload-pack-request"}


@pytest.fixture
async def http(hosting: Hosting) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with Alice's token at the repository's address."""
    async with httpx2.AsyncClient(
        base_url=f"http://{hosting.address}/git/user/alice/hello.git/", auth=("any", TOKEN), timeout=30
    ) as client:
        yield client


async def push_body(user: User, ref: str, capabilities: str = "report-status side-band-64k") -> bytes:
    """The body of a push that creates *ref*."""
    sha = await user.head()
    pack = await asyncio.to_thread(
        subprocess.run,
        ["git", "pack-objects", "--revs", "--stdout", "-q"],
        cwd=user.directory,
        input=sha.encode() + b"\n",
        capture_output=True,
        check=True,
    )
    return packet(f"{NONE} {sha} {ref}\0{capabilities}".encode()) + FLUSH + pack.stdout


async def test_the_probe_of_a_large_push(http: httpx2.AsyncClient) -> None:
    """Git asks with four bytes whether it may, before it sends more than a megabyte."""
    answer = await http.post("git-receive-pack", content=b"0000", headers=RECEIVE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-git-receive-pack-result"


async def test_answers_are_not_cached(http: httpx2.AsyncClient) -> None:
    answer = await http.get("info/refs", params={"service": "git-upload-pack"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-git-upload-pack-advertisement"
    assert answer.headers["cache-control"] == "no-cache, max-age=0, must-revalidate"
    assert answer.content.startswith(b"001e# service=git-upload-pack\n0000")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "says"),
    [
        ("GET", "info/refs", {}, 400, "smart protocol"),
        ("GET", "info/refs?service=git-daemon", {}, 400, "smart protocol"),
        ("GET", "git-upload-pack", UPLOAD, 405, "POST"),
        ("POST", "info/refs?service=git-upload-pack", {}, 405, "GET"),
        ("POST", "git-upload-pack", RECEIVE, 415, "application/x-git-upload-pack-request"),
        ("POST", "git-receive-pack", {}, 415, "application/x-git-receive-pack-request"),
        ("POST", "git-receive-pack", RECEIVE | {"Content-Encoding": "br"}, 400, "gzip"),
        ("POST", "git-receive-pack", RECEIVE | {"Content-Encoding": "gzip"}, 400, "not valid gzip"),
        ("POST", "git-receive-pack", RECEIVE, 400, "packet format"),
        ("GET", "HEAD", {}, 404, "/git/user/<user>/<project>.git"),
        ("GET", "../../../etc/passwd", {}, 404, ""),
        ("GET", "..%2f..%2fx.git/info/refs?service=git-upload-pack", {}, 301, ""),  # to its clean path
    ],
)
async def test_odd_requests_are_explained(
    http: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str], status: int, says: str
) -> None:
    """Every refusal is plain text that says what would be right."""
    answer = await http.request(
        method, path, headers=headers, content=b"nonsense" if method == "POST" else None
    )
    assert answer.status_code == status, answer.text
    assert says in answer.text


@pytest.mark.parametrize(
    "header", ["Basic !!!", "Bearer x", "Basic " + b64encode(b"no colon").decode(), "Basic"]
)
async def test_a_malformed_credential_is_asked_for_again(hosting: Hosting, header: str) -> None:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(
            f"http://{hosting.address}/git/user/alice/hello.git/info/refs?service=git-upload-pack",
            headers={"Authorization": header},
        )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_compressed_body(hosting: Hosting, http: httpx2.AsyncClient) -> None:
    """A gzip body, sent in chunks, is a push like any other; a cut one is refused and harmless."""
    user = await hosting.user()
    await user.commit(content=os.urandom(300_000))
    squeezed = gzip.compress(await push_body(user, "refs/heads/main"))

    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        for i in range(0, len(data), 1000):
            yield data[i : i + 1000]

    headers = RECEIVE | {"Content-Encoding": "gzip"}
    answer = await http.post("git-receive-pack", headers=headers, content=chunks(squeezed[:-100]))
    assert (answer.status_code, answer.text) == (400, "the gzip body is incomplete\n")
    assert hosting.gateway.pushes == []
    answer = await http.post("git-receive-pack", headers=headers, content=chunks(squeezed))
    assert b"ok refs/heads/main" in answer.content
    assert b"run #1 build" in answer.content
    assert answer.content.endswith(FLUSH)
    assert len(hosting.gateway.pushes) == 1


async def test_a_client_without_a_sideband(hosting: Hosting, http: httpx2.AsyncClient) -> None:
    """It gets the bare report; the push is told all the same."""
    user = await hosting.user()
    await user.commit()
    body = await push_body(user, "refs/heads/main", "report-status")
    answer = await http.post("git-receive-pack", headers=RECEIVE, content=body)
    assert answer.content == packet(b"unpack ok\n") + packet(b"ok refs/heads/main\n") + FLUSH
    assert len(hosting.gateway.pushes) == 1


async def test_a_client_that_wants_no_report(hosting: Hosting, http: httpx2.AsyncClient) -> None:
    """Without a report the refs themselves say what was applied."""
    user = await hosting.user()
    await user.commit()
    answer = await http.post(
        "git-receive-pack", headers=RECEIVE, content=await push_body(user, "refs/heads/main", "x")
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert [ref for ref, _, _ in hosting.gateway.moved()] == ["refs/heads/main"]


async def test_a_broken_pack_is_refused(hosting: Hosting, http: httpx2.AsyncClient) -> None:
    """Git ends early; the client may send all it wanted to and reads why it was refused."""
    user = await hosting.user()
    await user.commit(content=os.urandom(3_000_000))
    body = await push_body(user, "refs/heads/main")
    at = body.index(b"PACK") + 20
    answer = await http.post(
        "git-receive-pack", headers=RECEIVE, content=body[:at] + b"x" * 100 + body[at + 100 :]
    )
    assert answer.status_code == 200
    assert b"unpack " in answer.content
    assert b"ng refs/heads/main" in answer.content
    assert hosting.gateway.pushes == []


async def open_push(
    hosting: Hosting, body: bytes, length: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin a push of *length* bytes and send *body* of it."""
    host, _, port = hosting.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    credentials = b64encode(f"any:{TOKEN}".encode()).decode()
    writer.write(
        f"POST /git/user/alice/hello.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Type: {RECEIVE['Content-Type']}\r\n\r\n".encode()
    )
    writer.write(body)
    await writer.drain()
    return reader, writer


def receiving(hosting: Hosting) -> list[str]:
    """The git processes at work in the repository."""
    directory = str(hosting.repository())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(directory):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return [line for line in found if "cat-file" not in line]


async def until(condition: object, seconds: float = 20) -> None:
    """Wait until *condition* holds; it is asked again as other tasks go on."""
    assert callable(condition)
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_a_client_killed_in_the_middle(hosting: Hosting) -> None:
    """Git is ended, nothing of the push is left behind, and the next push of the same works."""
    user = await hosting.user()
    await user.commit(content=os.urandom(2_000_000))
    body = await push_body(user, "refs/heads/main")
    _, writer = await open_push(hosting, body[: len(body) // 2], len(body))
    await until(lambda: any("index-pack" in line or "unpack" in line for line in receiving(hosting)))
    writer.transport.abort()
    await until(lambda: not receiving(hosting))
    await hosting.deliver()
    assert hosting.gateway.attempts == 0
    leftovers = [
        p for p in hosting.repository().rglob("*") if "tmp" in p.name or p.suffix in (".lock", ".pack")
    ]
    assert leftovers == []
    await user.git("push", "-q", "origin", "main")
    assert len(hosting.gateway.pushes) == 1


async def test_a_client_that_leaves_after_its_push(hosting: Hosting) -> None:
    """What was handed over whole is applied and told, though nobody reads the answer."""
    user = await hosting.user()
    sha = await user.commit()
    hosting.gateway.held = anyio.Event()
    body = await push_body(user, "refs/heads/main")
    _, writer = await open_push(hosting, body, len(body))
    await until(lambda: hosting.gateway.attempts == 1)
    writer.transport.abort()
    hosting.gateway.held.set()
    await hosting.gateway.told(1)
    assert hosting.gateway.moved() == [("refs/heads/main", NONE, sha)]
    assert (await hosting.service.commit("p-hello", "refs/heads/main")).sha == sha


async def test_a_push_that_stands_still(hosting: Hosting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends nothing for too long is let go, with and without its commands."""
    monkeypatch.setattr("tidemill.services.gitserver.exchange.PATIENCE", 0.5)
    user = await hosting.user()
    await user.commit(content=os.urandom(1_000_000))
    body = await push_body(user, "refs/heads/main")
    for sent in (20, 500_000):
        reader, writer = await open_push(hosting, body[:sent], len(body))
        with anyio.fail_after(20):
            answer = await reader.read()  # to the end: the connection is closed
        assert b" 503 " in answer.splitlines()[0]
        assert b"nothing moved for 0.5 seconds" in answer
        writer.close()
    await until(lambda: receiving(hosting) == [])
    assert hosting.gateway.pushes == []


async def test_a_reader_that_leaves(hosting: Hosting) -> None:
    """A clone whose client is gone does not go on packing."""
    user = await hosting.user()
    await user.commit(content=os.urandom(12_000_000))
    sha = await user.head()
    await user.git("push", "-q", "origin", "main")
    host, _, port = hosting.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = packet(f"want {sha} side-band-64k ofs-delta\n".encode()) + FLUSH + packet(b"done\n")
    credentials = b64encode(f"any:{TOKEN}".encode()).decode()
    writer.write(
        f"POST /git/user/alice/hello.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Type: {UPLOAD['Content-Type']}\r\n\r\n".encode()
        + body
    )
    assert b" 200 " in await reader.readline()
    await until(lambda: receiving(hosting) != [])
    writer.transport.abort()
    await until(lambda: receiving(hosting) == [])
