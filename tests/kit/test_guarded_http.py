"""Requests to addresses that somebody wrote down: where they go, and what bad receivers do to them."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from tests.services.notification.receiver import Receiver, Request, answer, receiving, status
from tidemill.errors import BadRequest
from tidemill.kit.guarded_http import Answer, Guard, GuardedHttp, Refused, checked_url

pytestmark = pytest.mark.anyio

LOOPBACK = ("127.0.0.1/32", "::1/128")


@pytest.fixture
async def receiver(anyio_backend: str) -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def http(anyio_backend: str) -> AsyncIterator[GuardedHttp]:
    made = GuardedHttp(Guard(LOOPBACK))
    yield made
    await made.aclose()


async def post(http: GuardedHttp, url: str, seconds: float = 10) -> Answer:
    return await http.post(url, b"the body", {"X-Name": "value"}, seconds)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.10", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"),
        *("2002:7f00:1::", "2002:a00:1::1", "2001:0:a00:1::", "fec0::1", "fc00::1"),
        *("224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "2001:db8::1"),
    ],
)
def test_no_address_of_an_inner_network_is_let_through(address: str) -> None:
    """Loopback, private, link-local, metadata, shared, reserved, in every disguise that IPv6 has."""
    assert not Guard().may(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public_addresses_are_let_through(address: str) -> None:
    """Also those that a translator makes of them."""
    assert Guard().may(ipaddress.ip_address(address))


def test_networks_can_be_allowed_and_nothing_beside_them() -> None:
    """By the address itself, or by the one that it stands for."""
    guard = Guard(("10.1.0.0/16", "fd00::/8"))
    for address, is_allowed in (
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fd12::1", True),
        ("127.0.0.1", False),
    ):
        assert guard.may(ipaddress.ip_address(address)) is is_allowed
    with pytest.raises(BadRequest, match=r"'10\.0\.0\.1/8' is no network"):
        Guard(("10.0.0.1/8",))


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host/", "host/path", "http://", "http://host:99999/", "file:///etc/passwd", "https://u:p@h/"],
)
def test_what_is_no_address_is_refused_by_the_name_of_its_setting(url: str) -> None:
    """When the settings are read, and not when something is to be delivered."""
    with pytest.raises(BadRequest, match=r"the\.setting"):
        checked_url(url, "the.setting")


async def test_a_request_arrives_as_it_is(http: GuardedHttp, receiver: Receiver) -> None:
    """Path, query, host, headers and body; the connection serves the next one too."""
    assert await post(http, receiver.url) == Answer(201)
    assert await post(http, receiver.url) == Answer(201)
    first, _ = receiver.requests
    assert first.line == "POST /hook?token=of-the-url HTTP/1.1"
    assert first.headers["host"] == receiver.url.split("/")[2]
    assert (first.headers["x-name"], first.body) == ("value", b"the body")
    assert receiver.connections == 1


async def test_an_inner_address_is_refused_before_anything_is_sent(receiver: Receiver) -> None:
    """By number, by name, and written in ways that only the resolver understands."""
    guarded = GuardedHttp(Guard())
    port = receiver.url.split(":")[2].split("/")[0]
    for host in ("127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"):
        with pytest.raises(Refused, match="no request may go"):
            await post(guarded, f"http://{host}:{port}/")
    await guarded.aclose()
    assert receiver.connections == 0


async def test_a_name_is_looked_up_once_and_the_connection_goes_there(
    http: GuardedHttp, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means something allowed when it is looked at, and something else a moment later."""
    lookups = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "10.0.0.1"])
    url = receiver.url.replace("127.0.0.1", "hook.example")
    assert await post(http, url) == Answer(201)
    assert receiver.requests[0].headers["host"].startswith("hook.example:")
    assert lookups == ["hook.example"]
    for _ in range(2):  # each with a connection of its own
        other = GuardedHttp(Guard(LOOPBACK))
        with pytest.raises(Refused):
            await post(other, url)
        await other.aclose()
    assert len(receiver.requests) == 1


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The names that are looked up from now on; each time the next of *answers* is given."""
    lookups: list[str] = []
    left = iter(answers)
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not str(name).endswith(".example"):
            return real(host, port, *more, **named)
        lookups.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(left)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return lookups


async def test_a_redirect_is_followed_nowhere(http: GuardedHttp, receiver: Receiver) -> None:
    """It is an answer like others; where it points to is not visited."""
    async with receiving() as elsewhere:
        receiver.answer = answer(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
            % elsewhere.url.encode()
        )
        assert await post(http, receiver.url) == Answer(307)
        assert elsewhere.connections == 0


async def test_a_body_without_end_is_cut(http: GuardedHttp, receiver: Receiver) -> None:
    """Its status is what counts; its bytes are thrown away."""
    sent = 0

    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while True:
                writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                await writer.drain()
                sent += 0x10000

    receiver.answer = talk
    assert await post(http, receiver.url) == Answer(200)
    assert sent < 16 * 1024 * 1024


async def test_a_body_that_never_comes_or_breaks_changes_no_status(
    http: GuardedHttp, receiver: Receiver
) -> None:
    """The receiver has said that it took it."""

    async def stop(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfew")
        writer.close()

    receiver.answer = stop
    assert await post(http, receiver.url) == Answer(200)
    receiver.answer = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfew")
    assert await post(http, receiver.url) == Answer(200)


async def test_silence_has_an_end(http: GuardedHttp, receiver: Receiver) -> None:
    """Of one that never answers, and of one that writes its headers a byte at a time."""
    receiver.answer = answer(b"")
    found = await post(http, receiver.url, 0.2)
    assert found == Answer(0, "no answer within 0.2 s")

    async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while not writer.is_closing():
                writer.write(b"H")
                await anyio.lowlevel.checkpoint()

    receiver.answer = drip
    assert (await post(http, receiver.url, 0.2)).status == 0


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b""])
async def test_what_is_no_http_is_a_reason(http: GuardedHttp, receiver: Receiver, said: bytes) -> None:
    """Also a connection that ends without a word."""

    async def say(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    receiver.answer = say
    found = await post(http, receiver.url)
    assert found.status == 0
    assert "HTTP" in found.reason


async def test_a_receiver_that_is_not_there_is_a_reason(http: GuardedHttp, receiver: Receiver) -> None:
    """No name, nobody at the port."""
    receiver.answer = status(204)
    assert await post(http, receiver.url) == Answer(204)
    for url in ("http://nowhere.invalid/", "http://127.0.0.1:1/"):
        found = await post(http, url)
        assert found.status == 0
        assert found.reason.startswith("no connection")


async def test_the_certificate_must_be_of_the_name(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the connection goes to a number that was looked up before."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hook.example").configure_cert(context)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    guarded = GuardedHttp(Guard(LOOPBACK))
    assert await post(guarded, f"https://hook.example:{port}/") == Answer(201)
    wrong = await post(guarded, f"https://other.example:{port}/")
    assert wrong.status == 0
    assert "certificate" in wrong.reason
    await guarded.aclose()
    server.close()
