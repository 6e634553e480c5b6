"""Contracts over their three carriers: in the process, through the codec, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx2
import pytest

from tests.kit.probe import PREFIX, Colour, Item, Probe, ProbeService, Ref, Wait, client, failure, running
from tidemill.errors import BY_STATUS, BadRequest, Conflict, Failure, Internal, NotFound, Unavailable
from tidemill.kit.carriers import coded, direct
from tidemill.kit.connect import connect, http_client
from tidemill.kit.contract import Call, Contract, calling, endpoints, get, on_behalf_of, post
from tidemill.kit.http import make_app, serve

pytestmark = pytest.mark.anyio

SECONDS = 10


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The event loop of production."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def service(anyio_backend: object) -> ProbeService:
    return ProbeService()


@asynccontextmanager
async def over_http(service: ProbeService) -> AsyncIterator[Probe]:
    app = make_app(serve(Probe, service, PREFIX), service_token="s3cret")
    async with running(app) as url, http_client(url, service_token="s3cret") as http:
        yield connect(Probe, http, PREFIX)


@pytest.fixture(params=["direct", "coded", "http"])
async def probe(request: pytest.FixtureRequest, service: ProbeService) -> AsyncIterator[Probe]:
    """The service behind each of the carriers."""
    if request.param == "http":
        async with over_http(service) as carried:
            yield carried
    else:
        yield {"direct": direct, "coded": coded}[request.param](Probe, service)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize(
    "ref",
    ["plain", "org/acme/api", "a b", "100%", "%2F", "ä/ü", "..", ".", "a?b#c", "a;b=c&d", "+", "x" * 500],
)
async def test_arguments_in_the_path(probe: Probe, ref: str) -> None:
    """Any text is one segment of the path, and arrives as it was."""
    assert (await probe.path(Ref(ref), -7)).text == f"{ref!r} -7"


async def test_an_empty_path_argument_is_refused(probe: Probe) -> None:
    """What cannot stand in a path fails the same way everywhere."""
    with pytest.raises(BadRequest, match="ref"):
        await probe.path(Ref(""), 1)


async def test_arguments_in_the_query(probe: Probe) -> None:
    """Every kind of plain argument arrives with its type."""
    given = {
        "text": "a&b=ä +%",
        "count": -1,
        "ratio": 1e-9,
        "flag": True,
        "maybe": "null",
        "level": 0,
        "names": ("x", "", "y,z"),
        "numbers": [3, 1],
        "colour": Colour.BLUE,
        "at": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
    }
    assert (await probe.query(**given)).text == repr(given)  # type: ignore[arg-type]  # a test of any arguments


async def test_arguments_left_out_stay_out(probe: Probe) -> None:
    """Defaults are the service's own; None and empty lists are what they are by default."""
    assert (await probe.query(text="")).text == "{'text': ''}"
    assert (await probe.query(text="", flag=False)).text in ("{'text': ''}", "{'text': '', 'flag': False}")


async def test_shared_arguments_travel_one_by_one(probe: Probe) -> None:
    """Each key of a typed dictionary is an argument of its own, with its type, and may be left out."""
    assert (await probe.wanted(Ref("a"))).text == "a {}"
    given = {"cursor": "x&y", "names": ("x", "y"), "offset": 7}
    assert (await probe.wanted(Ref("a"), **given)).text == f"a {given}"  # type: ignore[arg-type]  # as above
    assert (await probe.wanted(Ref("a"), offset=0)).text == "a {'offset': 0}"


async def test_a_struct_travels(probe: Probe) -> None:
    """A struct with bytes, times and structs in it comes back equal."""
    item = Item(
        name="ä\u2028",
        data=bytes(range(256)),
        at=datetime(2026, 1, 2, tzinfo=UTC),
        parts=(Item(name="part"),),
        labels={"k": "v"},
    )
    created = await probe.create(item, label="l")
    assert created == Item(
        name=item.name, data=item.data, at=item.at, parts=item.parts, labels={"k": "v", "label": "l"}
    )


async def test_a_list_of_structs_travels(probe: Probe) -> None:
    """A list is a body too, and so is a mapping as the answer."""
    assert await probe.several([Item(name="a"), Item(name="b")]) == {"a": Item(name="a"), "b": Item(name="b")}
    assert await probe.several([]) == {}


async def test_bodies_and_answers_may_be_none(probe: Probe) -> None:
    """None is an empty body in both directions."""
    assert await probe.change("a") is None
    assert await probe.change("a", None) is None
    assert await probe.change("a", Item(name="b")) == Item(name="b")


async def test_a_page_travels(probe: Probe) -> None:
    """Items and any cursor arrive; the last page has no cursor."""
    first = await probe.items()
    assert [item.name for item in first.items] == ["a", "b"]
    assert first.cursor == "100 % ä/+=\n"
    last = await probe.items(after=first.cursor)
    assert ([item.name for item in last.items], last.cursor) == (["last"], "")


async def test_a_page_inside_of_an_answer(probe: Probe) -> None:
    """The answer is the body, and the cursor travels beside it as for a list."""
    boxed = await probe.box()
    assert (boxed.body["a"].name, boxed.cursor) == ("a", "100 % ä/+=\n")


async def test_nothing_comes_back_as_none(probe: Probe, service: ProbeService) -> None:
    """A call without an answer has its effect."""
    service.labels["a"] = "1"
    result: object = await probe.remove("a")  # type: ignore[func-returns-value]  # the point
    assert result is None
    assert service.labels == {}


@pytest.mark.parametrize("size", [0, 1, 1_500_000])
async def test_raw_bytes_travel(probe: Probe, size: int) -> None:
    """Raw bytes travel as they are, up to the endpoint's own limit."""
    data = bytes(index % 251 for index in range(size))
    assert await probe.reverse("a", data) == data[::-1]


async def test_an_upload_is_live(probe: Probe, service: ProbeService) -> None:
    """The service sees the first chunk before the second is made."""

    async def produced() -> AsyncIterator[bytes]:
        yield b"first"
        with anyio.fail_after(SECONDS):
            await service.entered.wait()
        yield b"second"

    assert (await probe.upload(produced(), label="sum")).text == "sum 11"
    assert b"".join(service.seen) == b"firstsecond"


async def test_a_download_is_live(probe: Probe, service: ProbeService) -> None:
    """The caller has the first chunk before the second is made, and the end when it is over."""
    with anyio.fail_after(SECONDS):
        stream = await probe.download(3)
        assert await anext(stream) == b"0,"
        assert service.produced == [b"0,"]
        service.go_on.set()
        assert b"".join([chunk async for chunk in stream]) == b"1,2,"


async def test_an_empty_download_ends(probe: Probe) -> None:
    """A stream of nothing is nothing, and no error."""
    assert [chunk async for chunk in await probe.download(0)] == []


async def test_streams_flow_both_ways(probe: Probe) -> None:
    """What is sent comes back changed."""
    answer = await probe.through(chunks(b"a", b"bc"))
    assert b"".join([chunk async for chunk in answer]) == b"ABC"


async def test_a_download_fails_before_its_first_byte(probe: Probe) -> None:
    """A stream that cannot be is an error of the call itself."""
    with pytest.raises(NotFound) as failed:
        await probe.download(-1)
    assert failed.value.code == "streamDoesNotExist"


async def test_a_download_that_breaks_is_never_taken_for_a_whole_one(probe: Probe) -> None:
    """Reading a stream that fails midway gives what came, and then an error."""
    stream = await probe.download(3, fail_at=1)
    assert await anext(stream) == b"0,"
    with pytest.raises((Conflict, Unavailable)):
        await anext(stream)


async def test_an_abandoned_download_ends(service: ProbeService) -> None:
    """A caller that closes its end of a stream ends it at the other."""
    async with over_http(service) as probe:
        stream = await probe.download(3)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # every carrier's streams can be closed
        with anyio.fail_after(SECONDS):
            await service.ended.wait()


@pytest.mark.parametrize("kind", [cls.__name__ for cls in BY_STATUS.values()])
async def test_errors_arrive_as_they_were_raised(probe: Probe, kind: str) -> None:
    """Class, code, message and details of all eight."""
    with pytest.raises(Failure) as failed:
        await probe.fail(kind)
    expected = failure(kind)
    assert expected is not None
    assert type(failed.value) is type(expected)
    assert (failed.value.code, failed.value.message, failed.value.details) == (
        expected.code,
        expected.message,
        expected.details,
    )


@pytest.mark.parametrize(
    ("kind", "expected", "code"),
    [
        ("typed_inside", NotFound, "insideDoesNotExist"),
        ("typed_outside", Conflict, "conflict"),
        ("group", Conflict, "conflict"),
    ],
)
async def test_the_outermost_typed_cause_counts(
    probe: Probe, kind: str, expected: type[Failure], code: str
) -> None:
    """Of a chain of causes the caller gets the outermost error of ours."""
    with pytest.raises(expected) as failed:
        await probe.fail(kind)
    assert failed.value.code == code


@pytest.mark.parametrize("kind", ["bug", "only_context"])
async def test_a_bug_shows_nothing_but_the_request(
    probe: Probe, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug is a plain internal error with the request's id; the log has the rest."""
    with calling(Call(request_id="req-1")), pytest.raises(Internal) as failed:
        await probe.fail(kind)
    assert failed.value.message == "internal server error"
    assert failed.value.details == {"request_id": "req-1"}
    assert "secret detail" in capsys.readouterr().out


async def test_the_call_travels(probe: Probe) -> None:
    """Request id and caller go along; credentials of people stay at the door."""
    with calling(Call(request_id="req-7", authorization="token of a user")):
        on_behalf_of('{"name":"Zoë"}')
        seen = await probe.call()
    assert (seen["request"], seen["caller"], seen["authorization"]) == ("req-7", '{"name":"Zoë"}', "")


async def test_every_call_has_a_request_id(probe: Probe) -> None:
    """Outside of any request each call gets an id of its own."""
    first, second = (await probe.call())["request"], (await probe.call())["request"]
    assert first
    assert first != second


async def test_a_call_that_takes_too_long_is_unavailable(
    probe: Probe, service: ProbeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deadline ends every call."""
    monkeypatch.setattr("tidemill.kit.contract.DEADLINE", 0.05)
    with anyio.fail_after(SECONDS), pytest.raises(Unavailable, match="no answer"):
        await probe.commit()


async def test_a_wait_extends_the_deadline(
    probe: Probe, service: ProbeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is asked to wait has that time on top."""
    monkeypatch.setattr("tidemill.kit.contract.DEADLINE", 0.3)
    with anyio.fail_after(SECONDS):
        assert (await probe.wait_long(Wait(wait=0.4))).text == "waited"


async def cancelled_once_entered(
    service: ProbeService, call: Callable[[], Coroutine[Any, Any, object]]
) -> None:
    """Start *call*, and cancel it as soon as the service has begun."""
    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await service.entered.wait()
            group.cancel_scope.cancel()


async def test_cancelling_a_waiting_call_ends_it(probe: Probe, service: ProbeService) -> None:
    """Nobody goes on waiting for a caller that has gone."""
    await cancelled_once_entered(service, lambda: probe.wait_long(Wait(wait=60)))
    with anyio.fail_after(SECONDS):
        await service.ended.wait()


async def test_cancelling_a_plain_call_does_not_tear_it(probe: Probe, service: ProbeService) -> None:
    """What has begun is finished, although the caller has gone."""
    await cancelled_once_entered(service, probe.commit)
    service.go_on.set()
    with anyio.fail_after(SECONDS):
        await service.ended.wait()


async def test_the_codec_carrier_finds_shared_state(service: ProbeService) -> None:
    """Through the codec, as over HTTP, nobody can reach into the service; directly one could."""
    (await coded(Probe, service).state()).labels["mine"] = "1"
    assert service.labels == {}
    (await direct(Probe, service).state()).labels["mine"] = "1"
    assert service.labels == {"mine": "1"}


async def test_a_service_that_is_away_is_unavailable() -> None:
    """No connection is no answer, never "does not exist"."""
    async with client("http://127.0.0.1:1") as http:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
            await connect(Probe, http, PREFIX).state()


async def test_the_wrong_service_token_is_our_own_fault(service: ProbeService) -> None:
    """A service that refuses our token is an internal error, not the user's 401."""
    app = make_app(serve(Probe, service, PREFIX), service_token="s3cret")
    async with running(app) as url, client(url, authorization="Bearer other") as http:
        with pytest.raises(Internal, match="service_token"):
            await connect(Probe, http, PREFIX).state()


async def test_an_unknown_route_is_not_absence(service: ProbeService) -> None:
    """A service that does not know the call does not say that the thing is not there."""
    async with running(make_app([])) as url, client(url) as http:
        with pytest.raises(Internal, match="nothing at this address"):
            await connect(Probe, http, PREFIX).state()


ANSWERS = {
    "empty 404": (b"404 Not Found\r\ncontent-length: 0", b"", Unavailable),
    "text 404": (b"404 Not Found\r\ncontent-length: 4", b"gone", Unavailable),
    "our 404": (b"404 Not Found\r\ncontent-length: 28", b'[{"code":"x","details":null}', Unavailable),
    "empty 409": (b"409 Conflict\r\ncontent-length: 0", b"", Conflict),
    "text 503": (b"503 Away\r\ncontent-length: 4", b"away", Unavailable),
    "gateway timeout": (b"504 Away\r\ncontent-length: 0", b"", Unavailable),
    "teapot": (b"418 Teapot\r\ncontent-length: 0", b"", BadRequest),
    "redirect": (b"302 Found\r\nlocation: /\r\ncontent-length: 0", b"", Internal),
    "no json": (b"200 OK\r\ncontent-length: 6", b"<html>", Internal),
    "wrong type": (b"200 OK\r\ncontent-length: 10", b'{"name":1}', Internal),
    "cut": (b"200 OK\r\ncontent-length: 100", b'{"name":"a"}', Unavailable),
    "cut chunks": (b"200 OK\r\ntransfer-encoding: chunked", b'c\r\n{"name":"a"}\r\n', Unavailable),
    "no http": (b"", b"\0\0\0", Unavailable),
    "hangs up": (b"", b"", Unavailable),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_others_answer(name: str) -> None:
    """Whatever stands between us and a service, the caller gets one of our errors that fits."""
    head, body, expected = ANSWERS[name]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write((b"HTTP/1.1 " + head + b"\r\n\r\n" if head else b"") + body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        async with client(f"http://127.0.0.1:{port}") as http:
            with anyio.fail_after(SECONDS), pytest.raises(expected) as failed:
                await connect(Probe, http, PREFIX).state()
        assert type(failed.value) is expected
        assert failed.value.message


def test_a_contract_is_checked_where_it_is_declared() -> None:
    """Two bodies cannot travel."""

    class Twice(Contract):
        @post("/twice")
        async def twice(self, one: Item, two: Item) -> None:
            """Cannot be."""

    with pytest.raises(TypeError, match="twice"):
        endpoints(Twice)


def test_endpoints_of_inherited_contracts() -> None:
    """A contract made of others has all of their endpoints, in order, each once."""

    class More(Probe):
        @get("/more")
        async def more(self) -> None:
            """One more."""

    names = [endpoint.name for endpoint in endpoints(More)]
    assert names == [endpoint.name for endpoint in endpoints(Probe)] + ["more"]


async def test_a_connection_that_is_closed_while_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTTP library stumbles over the socket that is gone; to us the service is away."""

    async def stumble(*_: object) -> httpx2.Response:
        raise AttributeError("'NoneType' object has no attribute 'setsockopt'")

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", stumble)
    async with http_client("http://127.0.0.1:9", service_token="s3cret") as http:
        with pytest.raises(Unavailable, match="closed while it was made"):
            await connect(Probe, http, PREFIX).call()
