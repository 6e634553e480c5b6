"""The app around the routes: error bodies, raw paths, limits, probes, credentials, stopping."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.kit.probe import PREFIX, Probe, ProbeService, client, running
from tidemill.kit.contract import current_call
from tidemill.kit.http import make_app, path_parameter, serve

pytestmark = pytest.mark.anyio

API = "/api/v1alpha"
SECONDS = 10


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The event loop of production."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def service(anyio_backend: object) -> ProbeService:
    return ProbeService()


async def plain(request: Request) -> PlainTextResponse:
    """An ordinary route, as for what no contract can say."""
    return PlainTextResponse(f"{path_parameter(request, 'name')} {current_call().authorization}")


@asynccontextmanager
async def served(service: ProbeService, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
    routes = [*serve(Probe, service, API), *serve(Probe, service, PREFIX), Route("/plain/{name}", plain)]
    async with running(make_app(routes, **options)) as url, client(url) as http:
        yield http


@pytest.fixture
async def http(service: ProbeService) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(service) as http:
        yield http


async def without_accept(http: httpx2.AsyncClient, verb: str, path: str, **more: Any) -> httpx2.Response:
    """A request as Agola's Go client sends it."""
    request = http.build_request(verb, path, **more)
    del request.headers["accept"]
    return await http.send(request)


def only_error(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json"
    (error,) = answer.json()
    assert set(error) == {"code", "message", "details"}
    assert error["message"]
    return dict(error)


WRONG_BODIES = {
    b"": "no body",
    b"{": "truncated",
    b"[]": "object",
    b"null": "object",
    b"{}": "name",
    b'{"name":1}': "$.name",
    b'{"name":"a","parts":[{"name":null}]}': "$.parts[0].name",
    b'{"name":"a","data":"%%"}': "$.data",
    b'{"name":"\xff"}': "utf-8",
    b'{"name":"a\\u0000"}': "NUL",
    b'{"name":"a"} x': "trailing",
    b'{"name":"\\ud800"}': "body",
    b"[" * 100_000: "body",
}


@pytest.mark.parametrize("body", WRONG_BODIES, ids=list(WRONG_BODIES.values()))
async def test_a_wrong_body_is_a_400_that_names_the_field(http: httpx2.AsyncClient, body: bytes) -> None:
    """Whatever the body is, the answer says what is wrong with it and where."""
    answer = await http.post(f"{API}/items", content=body)
    assert answer.status_code == 400
    assert only_error(answer)["code"] == "badRequest"
    assert WRONG_BODIES[body].lower() in only_error(answer)["message"].lower()


@pytest.mark.parametrize("number", [2**63, -(2**63), 2**64, 10**60], ids=str)
async def test_a_number_that_no_database_holds_is_a_400(http: httpx2.AsyncClient, number: int) -> None:
    """Wherever in a body an integer is too large, the answer names the place and the limit."""
    answer = await http.post(f"{API}/waits", json={"turns": [1, number]})
    assert answer.status_code == 400
    assert "$.turns[1]" in only_error(answer)["message"]
    assert str(2**63 - 1) in only_error(answer)["message"]
    assert (await http.post(f"{API}/waits", json={"turns": [2**63 - 1, 1 - 2**63]})).status_code == 200
    ignored = await http.post(f"{API}/items", json={"name": "9" * 30, "new": number})
    assert ignored.status_code == 201


async def test_unknown_fields_are_ignored(http: httpx2.AsyncClient) -> None:
    """A newer client may say more than we know; an escaped backslash is no NUL."""
    answer = await http.post(f"{API}/items?new=1", content=rb'{"name":"\\u0000","new":{"a":1}}')
    assert answer.status_code == 201
    assert answer.json()["name"] == r"\u0000"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/query", "text"),
        ("/query?text=a&count=x", "count"),
        ("/query?text=a&count=99999999999999999999", "count"),
        ("/query?text=a&ratio=nan", "ratio"),
        ("/query?text=a&flag=perhaps", "flag"),
        ("/query?text=a&colour=green", "colour"),
        ("/query?text=a&numbers=1&numbers=x", "numbers"),
        ("/query?text=a&numbers=1&numbers=99999999999999999999", "numbers[1]"),
        ("/query?text=%ff", "query"),
        ("/wanted/a?offset=x", "offset"),
        ("/query?text=%00", "text"),
        ("/query?text=a&names=%00", "names"),
        ("/path/a/of/x", "number"),
        ("/path/%ff/of/1", "ref"),
        ("/path/%00/of/1", "ref"),
        ("/path/%zz/of/1", "escape"),
        ("/path/100%/of/1", "escape"),
    ],
)
async def test_a_wrong_parameter_is_a_400_that_names_it(
    http: httpx2.AsyncClient, path: str, named: str
) -> None:
    """Parameters of the path and the query are checked against their types."""
    url = http.base_url.copy_with(raw_path=f"{API}{path}".encode())
    answer = await http.get(url)
    assert answer.status_code == 400
    assert named in only_error(answer)["message"]


async def test_an_escaped_slash_is_no_separator(http: httpx2.AsyncClient) -> None:
    """Routing sees the raw path, handlers see it unquoted once."""
    answer = await http.get(f"{API}/path/org%2Facme%252Fapi/of/1")
    assert answer.json() == {"text": "'org/acme%2Fapi' 1"}
    assert (await http.get("/plain/a%2Fb")).text == "a/b "
    assert (await http.get(f"{API}/path/org/acme/of/1")).status_code == 404


async def test_a_body_may_have_its_endpoints_limit(http: httpx2.AsyncClient) -> None:
    """Beyond the limit it is 413, whether or not the length was announced."""
    large = b" " * (1024 * 1024 + 1)
    for content in (large, in_chunks(large)):
        answer = await http.post(f"{API}/items", content=content)
        assert answer.status_code == 413
        assert only_error(answer)["details"] == {"limit": 1024 * 1024}
    assert (await http.put(f"{API}/bytes/a", content=large)).status_code == 200
    assert (await http.put(f"{API}/bytes/a", content=large + large)).status_code == 413
    assert (await http.post(f"{API}/streams/up", content=in_chunks(large * 5))).status_code == 200


async def in_chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65536):
        yield data[start : start + 65536]


async def test_successes(http: httpx2.AsyncClient) -> None:
    """Statuses are the declared ones, JSON is compact, and empty bodies say what they would be."""
    created = await http.post(f"{API}/items", content=b'{"name":"a"}')
    assert (created.status_code, created.headers["content-type"]) == (201, "application/json")
    assert created.content == b'{"name":"a","data":"","at":null,"parts":[],"labels":{"label":""}}'
    removed = await http.delete(f"{API}/items/a")
    assert (removed.status_code, removed.content) == (204, b"")
    assert removed.headers["content-type"] == "application/json"
    empty = await http.put(f"{API}/items/a")
    assert (empty.status_code, empty.content, empty.headers["content-length"]) == (200, b"", "0")
    page = await http.get(f"{API}/items?after=a")
    assert (page.json()[0]["name"], page.headers["x-agola-cursor"]) == ("last", "")
    download = await http.get(f"{API}/streams/down?count=1")
    assert (download.headers["content-type"], download.headers["cache-control"]) == ("text/plain", "no-cache")


@pytest.mark.parametrize("kind", ["BadRequest", "NotFound", "Conflict", "Internal", "Unavailable", "bug"])
async def test_errors_without_an_accept_header_are_agolas(http: httpx2.AsyncClient, kind: str) -> None:
    """Codes without messages, and an empty list where there is no code of its own."""
    for path, expected in ((kind, [] if kind == "bug" else [{"code": f"code{kind}", "details": None}]),):
        answer = await without_accept(http, "GET", f"{API}/failures/{path}")
        assert answer.headers["content-type"] == "application/json"
        assert answer.content == json.dumps(expected, separators=(",", ":")).encode()
    assert ("retry-after" in answer.headers) == (kind == "Unavailable")


async def test_plain_answers_without_an_accept_header(http: httpx2.AsyncClient) -> None:
    """Agola's few plain texts: unknown paths, unknown methods, announced bodies that are too large."""
    for verb, path in (("GET", f"{API}/nothing"), ("DELETE", f"{API}/query"), ("GET", "/api/")):
        answer = await without_accept(http, verb, path)
        assert (answer.status_code, answer.content) == (404, b"\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
    large = b" " * (1024 * 1024 + 1)
    answer = await without_accept(http, "POST", f"{API}/items", content=large)
    assert (answer.status_code, answer.content) == (417, b"request too large\n")
    answer = await without_accept(http, "POST", f"{API}/items", content=in_chunks(large))
    assert (answer.status_code, answer.content) == (400, b"[]")
    answer = await without_accept(http, "POST", f"{API}/items", content=b"{")
    assert (answer.status_code, answer.content) == (400, b"[]")
    only_error(await without_accept(http, "GET", "/elsewhere"))


async def test_unknown_addresses(http: httpx2.AsyncClient) -> None:
    """404 for an unknown path, 405 with what is allowed for an unknown method."""
    for path in (f"{API}/nothing", "/", "/api", f"{API}/query/"):
        answer = await http.get(path)
        assert (answer.status_code, only_error(answer)["code"]) == (404, "noSuchRoute")
    answer = await http.delete(f"{API}/query")
    assert (answer.status_code, only_error(answer)["code"]) == (405, "methodNotAllowed")
    assert "GET" in answer.headers["allow"]
    assert (await http.head(f"{API}/query?text=a")).status_code == 200
    assert (await http.head(f"{API}/streams/down?count=0")).status_code == 405


@pytest.mark.parametrize("path", ["/livez", f"{API}/items", f"{API}/failures/bug", "/nothing"])
async def test_every_answer_has_a_request_id_and_a_date(http: httpx2.AsyncClient, path: str) -> None:
    """A good id of the client's is kept, any other is replaced."""
    kept = await http.get(path, headers={"x-request-id": "abc-1_Z"})
    assert kept.headers["x-request-id"] == "abc-1_Z"
    replaced = await http.get(path, headers={"x-request-id": "a b"})
    assert re.fullmatch("[0-9a-f]{16}", replaced.headers["x-request-id"])
    assert "GMT" in replaced.headers["date"]


async def test_a_message_does_not_say_back_all_that_was_sent(http: httpx2.AsyncClient) -> None:
    """Its beginning and its end are enough to see what is wrong."""
    answer = await http.get(f"{API}/query?text=a&colour={'x' * 50_000}")
    message = only_error(answer)["message"]
    assert answer.status_code == 400
    assert len(message) < 2100
    assert message.startswith("colour: ")
    assert message.endswith("x'")


async def test_a_bug_tells_only_its_request_id(http: httpx2.AsyncClient) -> None:
    """A 500 says no more than where to look in the log."""
    answer = await http.get(f"{API}/failures/bug", headers={"x-request-id": "abc"})
    assert answer.status_code == 500
    assert answer.json() == [
        {"code": "internal", "message": "internal server error", "details": {"request_id": "abc"}}
    ]


async def test_credentials_of_users_reach_ordinary_routes(http: httpx2.AsyncClient) -> None:
    """The Authorization header is the gateway's business."""
    answer = await http.get("/plain/a", headers={"authorization": "token t"})
    assert answer.text == "a token t"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer other", "token s3cret", "Bearer s3cret ä"])
async def test_services_need_the_service_token(service: ProbeService, given: str) -> None:
    """Without the right token nothing under /internal answers, whether it exists or not."""
    async with served(service, service_token="s3cret") as http:
        headers = {b"authorization": given.encode()} if given else {}
        for path in (f"{PREFIX}/state", "/internal/nothing"):
            answer = await http.get(path, headers=headers)
            assert (answer.status_code, only_error(answer)["code"]) == (401, "wrongServiceToken")
        right = {"authorization": "Bearer s3cret"}
        assert (await http.get(f"{PREFIX}/state", headers=right)).status_code == 200
        assert (await http.get(f"{API}/state")).status_code == 200


async def test_without_a_service_token_only_loopback_is_trusted(service: ProbeService) -> None:
    """An app that was reached at another address keeps its internal routes to itself."""
    app = make_app(serve(Probe, service, PREFIX))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    for server, status in (("127.0.0.1", 200), ("::1", 200), ("10.0.0.1", 401), ("::", 401)):
        scope = {"type": "http", "method": "GET", "headers": [], "query_string": b"", "server": (server, 80)}
        await app(scope | {"raw_path": f"{PREFIX}/state".encode()}, receive, send)
        assert sent[-2]["status"] == status


async def test_probes(service: ProbeService) -> None:
    """Alive is alive; ready names each part that is not, and why."""
    reasons = {"runservice": "the database is not there", "gateway": "no answer"}

    async def ready() -> dict[str, str]:
        return reasons

    async with served(service, ready=ready) as http:
        assert (await http.get("/livez")).status_code == 200
        answer = await http.get("/readyz")
        assert (answer.status_code, only_error(answer)["details"]) == (503, reasons)
        assert "runservice: the database is not there; gateway" in only_error(answer)["message"]
        assert "retry-after" in answer.headers
        reasons.clear()
        assert (await http.get("/readyz")).status_code == 200


async def test_requests_are_counted_by_route(http: httpx2.AsyncClient) -> None:
    """Metrics name routes, not the endless number of paths."""
    await http.get(f"{API}/path/a/of/1")
    await http.get("/no/such/path")
    text = (await http.get("/metrics")).text
    assert re.search(
        rf'tidemill_http_requests_total{{route="{API}/path/{{ref}}/of/{{number}}",status="200",verb="GET"}}',
        text,
    )
    assert 'route="none",status="404"' in text
    assert "/no/such/path" not in text


async def test_the_query_is_not_logged(http: httpx2.AsyncClient) -> None:
    """The access log has the path and never the query, which may hold secrets."""
    with structlog.testing.capture_logs() as lines:
        await http.get(f"{API}/query?text=hidden")
        with anyio.fail_after(SECONDS):
            while not lines:
                await anyio.lowlevel.checkpoint()
    (line,) = lines
    assert (line["path"], line["status"], line["verb"]) == (f"{API}/query", 200, "GET")
    assert "hidden" not in str(line)


async def test_a_stopping_server_ends_what_waits_and_finishes_the_rest(service: ProbeService) -> None:
    """Long polls are answered 503, streams are cut, plain calls are finished; nothing holds it up."""
    answers: dict[str, httpx2.Response] = {}
    app = make_app(serve(Probe, service, API))
    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group, anyio.create_task_group() as server:

            async def ask(url: str, name: str, path: str, body: bytes) -> None:
                async with client(url) as http:
                    answers[name] = await http.post(f"{API}{path}", content=body)

            async with running(app, drain=5) as url, client(url) as http:
                service.entered = anyio.Event()
                group.start_soon(ask, url, "waits", "/waits", b'{"wait":60}')
                await service.entered.wait()
                service.entered = anyio.Event()
                group.start_soon(ask, url, "commit", "/commits", b"")
                await service.entered.wait()
                async with http.stream("GET", f"{API}/streams/down?count=3") as download:
                    parts = download.aiter_raw()
                    assert await anext(parts) == b"0,"
                    server.start_soon(release, app, service)
                    app.stop()
                    assert (await http.get("/readyz")).status_code == 503
                    with pytest.raises(httpx2.TransportError):
                        await anext(parts)
    assert (answers["waits"].status_code, answers["commit"].status_code) == (503, 200)


async def release(app: Any, service: ProbeService) -> None:
    """Let the commit go on once the waiting ones have been ended."""
    while app.waiting:
        await anyio.lowlevel.checkpoint()
    service.go_on.set()


async def test_long_polls_do_not_use_up_the_drain(service: ProbeService) -> None:
    """The server ends what waits as soon as it is told to stop, however long the drain may be."""
    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:

            async def ask(url: str) -> None:
                async with client(url) as http:
                    assert (await http.post(f"{API}/waits", content=b'{"wait":60}')).status_code == 503

            async with running(make_app(serve(Probe, service, API)), drain=60) as url:
                group.start_soon(ask, url)
                await service.entered.wait()


async def test_a_call_that_does_not_end_does_not_hold_the_drain(service: ProbeService) -> None:
    """After the drain's bound whatever is left is cut."""
    app = make_app(serve(Probe, service, API))
    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:

            async def ask(url: str) -> None:
                async with client(url) as http:
                    answer = await http.post(f"{API}/commits")
                    assert (answer.status_code, only_error(answer)["code"]) == (503, "unavailable")

            async with running(app, drain=0.1) as url:
                group.start_soon(ask, url)
                await service.entered.wait()
