"""Whatever is sent, nothing is a 500 and nothing stops the server."""

import asyncio
import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.probe import Probe, ProbeService, client, running
from tidemill.kit.http import make_app, reading, serve
from tidemill.kit.http.protocol import Protocol

PREFIX = "/api/v1alpha"
SECONDS = 10

segments = st.text(
    st.characters(exclude_characters="/?#", max_codepoint=0x7E, min_codepoint=0x21), max_size=8
)
paths = st.one_of(
    st.sampled_from(["/query", "/items", "/items/several", "/streams/up", "/state", "/nothing", ""]),
    st.builds("/path/{}/of/{}".format, segments, segments),
    st.builds("/items/{}".format, segments),
    st.builds("/bytes/{}".format, segments),
    st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(parts)),
)
names = st.sampled_from(
    ["text", "count", "ratio", "flag", "maybe", "level", "names", "numbers", "colour", "at"]
)
queries = st.one_of(
    st.binary(max_size=30),
    st.lists(st.builds("{}={}".format, names, segments), max_size=4).map(lambda q: "&".join(q).encode()),
)
item_names = st.sampled_from(["name", "data", "at", "parts", "labels", "other"])
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(item_names, inner, max_size=4),
    max_leaves=8,
)
bodies = st.one_of(st.binary(max_size=50), plain.map(lambda value: json.dumps(value).encode()))
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [b"accept", b"authorization", b"content-length", b"content-type", b"x-request-id", b"host"]
        ),
        st.binary(max_size=12),
    ),
    max_size=3,
)


async def ask(app: Any, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    """One request at the app's own door, past the server's parser."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "server": ("127.0.0.1", 80), "client": None, **scope}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), paths, queries, headers, bodies)
def test_no_input_is_a_500(
    verb: str, path: str, query: bytes, sent: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Any path, query, headers and body get an answer, and it is never our fault."""

    async def once() -> tuple[int, bytes]:
        app = make_app(serve(Probe, ProbeService(), PREFIX))
        scope = {
            "method": verb,
            "raw_path": f"{PREFIX}{path}".encode(),
            "query_string": query,
            "headers": sent,
        }
        return await ask(app, scope, body)

    status, answer = asyncio.run(once())
    assert 200 <= status < 500, answer
    if status >= 400 and any(name == b"accept" for name, _ in sent):
        assert json.loads(answer)[0]["message"]


GARBAGE = [
    b"\x16\x03\x01\x02\x00",
    b"GET\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://x/livez HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET //livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1"),
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"POST /api/v1alpha/items HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /api/v1alpha/items HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 200_000 + b"\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
]


@pytest.mark.anyio
@pytest.mark.parametrize("garbage", GARBAGE, ids=[bytes(g[:20]).decode("latin-1") for g in GARBAGE])
async def test_garbage_on_the_wire_does_not_stop_the_server(
    garbage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no request is answered with less than 500 or hung up on, and the next client is served."""
    with anyio.fail_after(SECONDS):
        async with running(make_app(serve(Probe, ProbeService(), PREFIX))) as url, client(url) as http:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(garbage)
            writer.write_eof()
            answer = await reader.read()
            assert answer == b"" or b"200" <= answer.split()[1] < b"500"
            if b" 400 " in answer.split(b"\r\n")[0]:
                message = json.loads(answer.rpartition(b"\r\n\r\n")[2])[0]["message"]
                assert "HTTP" in message or "header" in message or "lines before" in message
            writer.close()
            assert (await http.get("/livez")).status_code == 200
    assert "Traceback" not in "".join(capsys.readouterr())


@pytest.mark.anyio
async def test_a_head_without_end_is_refused() -> None:
    """However long its one line grows, the server keeps no more than the limit of it."""
    with anyio.fail_after(SECONDS):
        async with running(make_app(serve(Probe, ProbeService(), PREFIX))) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(b"GET / HTTP/1.1\r\nA: ")
            for _ in range(4):
                writer.write(b"x" * 65536)
                await writer.drain()
            answer = await reader.read()
            assert b"larger than 131072 bytes" in answer
            writer.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("begun", "told"),
    [
        (b"", b""),
        (b"GET / HT", b"took longer than 0.1 s"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /", b"took longer than 0.1 s"),
    ],
)
async def test_a_head_that_does_not_come_is_not_waited_for(
    begun: bytes, told: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection costs something: who has begun a request is told so, also after an earlier one."""
    monkeypatch.setattr(Protocol, "head_seconds", 0.1)
    with anyio.fail_after(SECONDS):
        async with running(make_app(serve(Probe, ProbeService(), PREFIX))) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(begun)
            answer = await reader.read()
            assert told in answer
            assert bool(answer) == bool(told)
            assert (b"alive" in answer) == (b"livez" in begun)
            writer.close()


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/streams/up", "/items"])
async def test_a_body_that_stops_in_its_middle_is_not_waited_for(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends it may have gone without a word: what it holds here is let go of, and it may try again."""
    monkeypatch.setattr(reading, "body_seconds", 0.1)
    with anyio.fail_after(SECONDS):
        async with running(make_app(serve(Probe, ProbeService(), PREFIX))) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(
                f"POST {PREFIX}{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun".encode()
            )
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"bodySilent" in answer
            writer.close()
