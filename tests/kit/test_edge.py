"""The edge: paths that are not clean, pages of other origins, what is said to browsers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.probe import PREFIX, Probe, ProbeService, client, running
from tidemill.kit.http import Edge, make_app, serve
from tidemill.kit.http.cors import forms
from tidemill.kit.http.edge import cleaned

API = "/api/v1alpha"
ORIGIN = "https://ci.example.com"
ALLOWED = (ORIGIN, "http://localhost:8080")


@asynccontextmanager
async def at(edge: Edge) -> AsyncIterator[httpx2.AsyncClient]:
    service = ProbeService()
    routes = [*serve(Probe, service, API), *serve(Probe, service, PREFIX)]
    async with running(make_app(routes, edge=edge)) as url, client(url) as http:
        yield http


@pytest.fixture
async def http(anyio_backend: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with at(Edge(allowed_origins=ALLOWED)) as http:
        yield http


def preflight(method: str | None = "GET", headers: str = "", origin: str = ORIGIN) -> dict[str, str]:
    asked = {"origin": origin, "access-control-request-headers": headers}
    return asked | ({"access-control-request-method": method} if method else {})


def cors(answer: httpx2.Response) -> dict[str, str]:
    """What an answer says about other origins."""
    said = {name: text for name, text in answer.headers.items() if name.startswith("access-control-")}
    return {name.removeprefix("access-control-"): text for name, text in said.items()}


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/api//x", "/api/x"),
        ("//evil.example.com/x", "/evil.example.com/x"),
        ("///evil.example.com", "/evil.example.com"),
        ("//\\evil.example.com", "/%5Cevil.example.com"),
        ("/%2Fevil.example.com", "/evil.example.com"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/a%2F..%2Fb", "/b"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/a/b/..", "/a"),
        ("/a/b/.", "/a/b"),
        ("/a//", "/a/"),
        ("//", "/"),
        ("/a%0D%0ASet-Cookie:%20x=y//", "/a%0D%0ASet-Cookie:%20x=y/"),
        ("/%FF//", "/%FF/"),
        ("/a;x=1//b", "/a;x=1/b"),
    ],
)
def test_a_path_that_is_not_clean_leads_to_a_clean_one_of_this_server(path: str, clean: str) -> None:
    """T33, T36: dots, slashes and escapes of them are resolved once, and never lead to another host."""
    assert cleaned(path) == clean


@pytest.mark.parametrize(
    "path", ["/", "/a/b", "/a/", "/a/.b", "/a/..b", "/a;b", "/org%2Facme%2Fapi", "/%252F%252F"]
)
def test_a_clean_path_stays(path: str) -> None:
    """An escaped slash alone separates nothing and is left in peace; escapes are undone once."""
    assert cleaned(path) is None


@given(st.lists(st.sampled_from(["/", "\\", ".", "..", "%2f", "%2E", "a", "%0d%0a", "%00", "é", "//"])))
def test_wherever_a_path_leads_is_local_and_clean(parts: list[str]) -> None:
    """T33: one slash at the beginning, nothing that a browser takes for a host or a line break."""
    clean = cleaned("/" + "".join(parts))
    if clean is None:
        return
    assert clean.startswith("/")
    assert clean[1:2] not in ("/", "\\")
    assert clean.isascii()
    assert clean.isprintable()
    assert cleaned(clean) is None


@pytest.mark.anyio
async def test_an_unclean_path_is_redirected_with_its_query(http: httpx2.AsyncClient) -> None:
    """With 301, as Agola's router does; also where nothing would be, and whatever the verb."""
    answer = await http.get(f"{API}//state?a=b%2Fc")
    assert (answer.status_code, answer.headers["location"], answer.content) == (
        301,
        f"{API}/state?a=b%2Fc",
        b"",
    )
    assert (await http.put("/nothing/%2e%2e/here")).headers["location"] == "/here"
    assert (await http.get(f"{PREFIX}/path/a%2F%2Fb/of/1")).status_code == 200, "services know what they ask"


@pytest.mark.anyio
async def test_what_is_said_to_browsers(anyio_backend: str) -> None:
    """Nothing is guessed, framed or kept; over TLS browsers are told to stay there."""
    async with at(Edge()) as http:
        for path in (f"{API}/state", f"{API}/failures/Conflict", f"{API}/nothing", "/api//x"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert "strict-transport-security" not in headers
        assert "cache-control" not in (await http.get("/livez")).headers
        assert (await http.get(f"{API}/streams/down?count=1")).headers["cache-control"] == "no-cache"
        assert "x-frame-options" not in (await http.get(f"{PREFIX}/state")).headers
    async with at(Edge(over_tls=True)) as http:
        assert (await http.get(f"{API}/state")).headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.anyio
async def test_a_page_of_an_allowed_origin_reads_answers(http: httpx2.AsyncClient) -> None:
    """Errors too, with the cookies of the user; any other page is told nothing."""
    told = {
        "expose-headers": "X-Csrf-Token,X-Agola-Cursor",
        "allow-credentials": "true",
        "allow-origin": ORIGIN,
    }
    for path in ("/state", "/failures/Conflict", "/nothing"):
        answer = await http.get(API + path, headers={"origin": ORIGIN})
        assert cors(answer) == told
        assert answer.headers["vary"] == "Origin"
    for other in ("https://evil.example.com", "https://ci.example.com.evil.example.com", "null", "*", ""):
        assert cors(await http.get(f"{API}/state", headers={"origin": other})) == {}
    assert cors(await http.get(f"{PREFIX}/state", headers={"origin": ORIGIN})) == {}


@pytest.mark.anyio
@pytest.mark.parametrize("origin", [ORIGIN, f"{ORIGIN}:443", "http://localhost:8080"])
async def test_the_port_of_a_scheme_may_be_written(http: httpx2.AsyncClient, origin: str) -> None:
    """Both forms are the same origin; what is sent is echoed."""
    answer = await http.get(f"{API}/state", headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin


def test_forms_of_an_origin() -> None:
    """Only the scheme's own port can be left out."""
    assert forms("https://a.example.com") == ("https://a.example.com", "https://a.example.com:443")
    assert set(forms("http://a.example.com:80")) == {"http://a.example.com", "http://a.example.com:80"}
    assert forms("http://a.example.com:8080") == ("http://a.example.com:8080",)
    assert set(forms("http://[::1]")) == {"http://[::1]", "http://[::1]:80"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (preflight("GET"), 200, {}),
        (
            preflight("POST", "content-type, x-csrf-token"),
            200,
            {"allow-headers": "Content-Type,X-Csrf-Token"},
        ),
        (preflight("PUT", "accept,origin"), 200, {"allow-methods": "PUT"}),
        (
            preflight("DELETE", "authorization"),
            200,
            {"allow-headers": "Authorization", "allow-methods": "DELETE"},
        ),
        (preflight(None), 400, None),
        (preflight("PATCH"), 405, None),
        (preflight("get"), 405, None),
        (preflight("GET", "x-other"), 403, None),
    ],
)
async def test_a_browser_asks_ahead(
    http: httpx2.AsyncClient, asked: dict[str, str], status: int, told: dict[str, str] | None
) -> None:
    """Preflights are answered as gorilla/handlers does."""
    answer = await http.options(f"{API}/items", headers=asked)
    assert (answer.status_code, answer.content) == (status, b"")
    always = {"allow-credentials": "true", "allow-origin": ORIGIN}
    assert cors(answer) == ({} if told is None else always | told)


@pytest.mark.anyio
async def test_other_origins_ask_ahead_in_vain(http: httpx2.AsyncClient) -> None:
    """They get what anybody gets; so does everybody where no origin is allowed."""
    asked = preflight(origin="https://evil.example.com")
    assert cors(await http.options(f"{API}/items", headers=asked)) == {}
    async with at(Edge()) as closed:
        answer = await closed.options(f"{API}/items", headers=preflight())
        assert answer.status_code == 405
        assert cors(answer) == {}


@pytest.mark.parametrize(
    ("peer", "said", "asks"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:DB8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("", "198.51.100.1", ""),
        ("fe80::1%eth0", "198.51.100.1", "fe80::1%eth0"),
    ],
)
def test_who_asks_behind_a_proxy(peer: str, said: str, asks: str) -> None:
    """Proxies are believed as far as they are ours; nobody else chooses the address they seem to have."""
    edge = Edge(trusted_proxies=("10.0.0.0/8",))
    in_one = [(b"accept", b"*/*"), (b"x-forwarded-for", said.encode())]
    in_several = [(b"x-forwarded-for", part.encode()) for part in said.split(",")]
    for headers in (in_one, in_several):
        assert edge.remote(peer, headers) == asks
        assert Edge().remote(peer, headers) == peer
