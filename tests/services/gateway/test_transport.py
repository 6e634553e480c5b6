"""The transport rules of the reference (API 1.1): what every route does before it is itself."""

import asyncio
import json
from itertools import product
from pathlib import Path

import pytest

from tests.conftest import DatabaseUrl
from tests.services.gateway.browser import Browser
from tests.services.gateway.conftest import House, Person, project, ref
from tidemill.contracts.gateway import Gateway
from tidemill.kit.contract import endpoints
from tidemill.kit.http import serving
from tidemill.services.gateway.rights import OPEN_TO_NOBODY

pytestmark = pytest.mark.anyio

API = "/api/v1alpha"
MIB = 1024 * 1024
#: Routes at which nobody looks at credentials (reference, API 1.7.0: N).
OPEN = {
    ("GET", "/remotesources"),
    ("GET", "/badges/{projectref}"),
    ("GET", "/version"),
    ("POST", "/auth/login"),
    ("POST", "/auth/authorize"),
    ("POST", "/auth/register"),
    ("GET", "/auth/oauth2/callback"),
}

#: What somebody might put where an id belongs.
SEGMENTS = (
    *("..%2F..%2Fetc%2Fpasswd", "%2e%2e", "...", "a%00b", "%2Fetc%2Fpasswd", "a%5Cb", ";", "a;b=c", "-rf"),
    *("%252e%252e%252f", "%E2%80%AE", "a%0d%0ab", "%ff", "x" * 3000, "'", "%22"),
)


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """On SQLite alone: nothing here is about what is stored."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


def filled(path: str) -> str:
    """A path with something in place of each parameter."""
    return path.replace("{runnumber}", "1").replace("{", "").replace("}", "")


async def test_every_route_asks_who_it_is(house: House) -> None:
    """T36: in one place for all of them; an unknown token is 401 also where nobody need say who they are."""
    unknown = house.with_token("unknown")
    for endpoint in endpoints(Gateway):
        path = filled(endpoint.path)
        if (endpoint.verb, endpoint.path) in OPEN:
            answer = await unknown.ask(endpoint.verb, path, accept=False)
            assert (answer.status_code, answer.content) != (401, b"[]"), endpoint.path
            continue
        assert await unknown.as_agola(endpoint.verb, path) == (401, b"[]"), endpoint.path
        status, _ = await house.nobody.as_agola(endpoint.verb, path)
        assert (status == 401) == (endpoint.name not in OPEN_TO_NOBODY), endpoint.path


async def test_a_session_is_guarded_on_every_route(house: House) -> None:
    """T32: whatever changes something wants the token, on extensions too; reading does not."""
    await house.admin.ask("POST", "/users", {"username": "alice"})
    await house.admin.ask("PUT", "/users/alice/password", {"password": "correct horse"})
    browser = Browser(house.http)
    await browser.log_in("alice", "correct horse")
    for endpoint in endpoints(Gateway):
        if (endpoint.verb, endpoint.path) in OPEN or endpoint.streams or endpoint.verb == "GET":
            continue
        answer = await browser.ask(
            endpoint.verb, filled(endpoint.path), headers={"x-csrf-token": None}, accept=False
        )
        assert answer.content == b"Forbidden - CSRF token not found in request\n", endpoint.path
    assert await browser.status("GET", "/user") == 200


async def test_what_is_not_there(house: House) -> None:
    """404 to the letter for Agola's client, with a plain line; for others with a code."""
    paths = ("/nothing", "/users/", "/user/", "/version/x", "", "/")
    for verb, path in product(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"), paths):
        answer = await house.nobody.ask(verb, path, accept=False)
        assert (answer.status_code, answer.content) == (404, b"\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        told = await house.nobody.ask(verb, path)
        assert (told.status_code, told.json()[0]["code"]) == (404, "noSuchRoute")


async def test_a_known_path_with_another_method(house: House) -> None:
    """Is no path at all for Agola's client; who sends Accept learns what there is."""
    for verb, path in (("PATCH", "/user"), ("POST", "/version"), ("PUT", "/users"), ("OPTIONS", "/user")):
        answer = await house.admin.ask(verb, path, accept=False)
        assert (answer.status_code, answer.content) == (404, b"\n")
        told = await house.admin.ask(verb, path)
        assert (told.status_code, told.json()[0]["code"]) == (405, "methodNotAllowed")
        assert "GET" in told.headers["allow"]
    assert await house.admin.as_agola("GET", "/projectgroups") == (404, b"\n")


async def test_a_large_body_is_refused_first(house: House) -> None:
    """T13: by what it says of its length, before who sends it is looked at, whatever the route is for."""
    body = b" " * (MIB + 1)
    routes = (("GET", "/user"), ("POST", "/auth/login"), ("PUT", "/projects/p"), ("DELETE", "/users/alice"))
    for person, (verb, path) in product((house.nobody, house.with_token("unknown")), routes):
        answer = await person.ask(verb, path, raw=body, accept=False)
        assert (answer.status_code, answer.content) == (417, b"request too large\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        told = await person.ask(verb, path, raw=body)
        assert (told.status_code, told.json()[0]["code"]) == (413, "tooLarge")
    whole = b'{"username":"x"}' + b" " * (MIB - 16)
    assert (await house.admin.ask("POST", "/users", raw=whole, accept=False)).status_code == 201


async def raw(house: House, request: bytes) -> bytes:
    """The whole answer to bytes on a connection of their own."""
    url = house.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_a_body_of_unknown_length_is_cut(house: House) -> None:
    """T13: at the limit; what has been read is not JSON then, which Agola's client is told."""
    head = (
        f"POST {API}/users HTTP/1.1\r\nHost: x\r\nAuthorization: token {house.admin.token}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await raw(house, head + chunk * 17)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\n[]")
    assert b"connection: close" in answer


async def test_a_body_that_does_not_come_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T13: whoever sends a byte now and then holds nothing for long."""
    monkeypatch.setattr(serving, "DEADLINE", 0.5)
    head = (
        f"POST {API}/users HTTP/1.1\r\nHost: x\r\nAuthorization: token {house.admin.token}\r\n"
        'Content-Length: 100\r\nConnection: close\r\n\r\n{"username":"al'
    )
    answer = await raw(house, head.encode())
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert await house.admin.failure("GET", "/users/al") == (404, "userDoesNotExist")


async def test_deep_json_is_a_bad_request(house: House) -> None:
    """T13: never a crash."""
    for depth in (1_000, 100_000, 500_000):
        deep = depth // 6
        for body in (b"[" * depth, b'{"username":' + b'{"a":' * deep + b"1" + b"}" * deep + b"}"):
            answer = await house.admin.ask("POST", "/users", raw=body, accept=False)
            assert (answer.status_code, answer.content) == (400, b"[]")


async def test_no_id_becomes_a_path(house: House, alice: Person) -> None:
    """T28, T36: in every place of a path it is refused, or means nothing; never a 500, never a file."""
    await project(alice, "p")
    mine = f"/projects/{ref('user/alice/p')}"
    places = (
        "/projects/{}",
        "/users/{}",
        "/projectgroups/{}/secrets",
        mine + "/secrets/{}",
        mine + "/runs/{}",
        mine + "/runs/1/tasks/{}",
        mine + "/runs/1/tasks/{}/logs?step=0",
        mine + "/runs/1/tasks/t/artifacts/{}",
        mine + "/caches/{}",
        "/users/alice/sessions/{}",
    )
    for verb, place, segment in product(("GET", "DELETE"), places, SEGMENTS):
        answer = await alice.ask(verb, place.format(segment))
        assert answer.status_code in (301, 400, 403, 404, 405), (verb, place, segment, answer.text)
        assert b"root:" not in answer.content
        if answer.status_code == 301:
            where = answer.headers["location"]
            assert where.startswith("/")
            assert not where.startswith(("//", "/\\"))


async def test_other_ways_to_write_a_path_open_nothing(house: House) -> None:
    """T36: what is needed to be known is needed however the path is written."""
    for path in (
        *(
            "//user",
            "/./user",
            "/x/../user",
            "/%75ser",
            "/user;x",
            "/user%2f",
            "/USER",
            "/user%00",
            "/user/..",
        ),
        *("/%2e/user", "/users%2falice", "/users/;/alice"),
    ):
        answer = await house.nobody.ask("GET", path)
        assert answer.status_code in (301, 400, 401, 404), path
    answer = await house.nobody.ask("GET", "//user?x=%2F")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{API}/user?x=%2F")


async def test_nothing_of_an_answer_is_a_page(house: House, alice: Person) -> None:
    """What somebody has written is escaped, said to be JSON, and never sniffed, framed or kept."""
    answer = await alice.ask("POST", "/users/alice/tokens", {"token_name": "<script>&"})
    assert answer.status_code == 201
    answer = await alice.ask("GET", "/user")
    assert b"<" not in answer.content
    assert "<script>&" in json.loads(answer.content)["tokens"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
