"""Signed cookies, and the checks that a page of another origin fails."""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Forbidden
from tidemill.kit.contract import Call
from tidemill.kit.http.cookies import cookies, opened, set_cookie, signed
from tidemill.kit.http.csrf import Csrf, masked
from tidemill.kit.http.outgoing import Headers, answer_with, answering

KEY = bytes(range(32))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOST = "ci.example.com"


def guard(*, secure: bool = True, own: str = f"https://{HOST}", allowed: tuple[str, ...] = ()) -> Csrf:
    return Csrf(KEY, own_origin=own, allowed_origins=allowed, secure=secure, clock=lambda: NOW)


def asked(csrf: Csrf, verb: str = "GET", **headers: str) -> tuple[str, dict[str, list[str]]]:
    """What becomes of a request ("" when it passes), and what its answer says."""
    given = {name.replace("_", "-").encode(): text.encode("latin-1") for name, text in headers.items()}
    call = Call(verb=verb, headers={b"host": HOST.encode(), **given})
    said: Headers = []
    reason, parts = "", ("csrfRefused", "")
    with answering(said):
        try:
            csrf.check(call)
        except Forbidden as error:
            reason = error.details["reason"]
            parts = (error.code, error.message.partition(": ")[0])
    assert parts == ("csrfRefused", reason)
    told: dict[str, list[str]] = {}
    for name, text in said:
        told.setdefault(name.decode(), []).append(text.decode())
    return reason, told


def begun(csrf: Csrf) -> dict[str, str]:
    """What a browser sends back after one request."""
    _, told = asked(csrf)
    (cookie,) = told["set-cookie"]
    return {"cookie": cookie.partition(";")[0], "x_csrf_token": told["x-csrf-token"][0]}


def test_the_first_answer_brings_a_cookie_and_a_token() -> None:
    """The cookie is out of reach for scripts and other sites; the token is masked anew each time."""
    csrf = guard()
    reason, told = asked(csrf)
    (cookie,) = told["set-cookie"]
    assert reason == ""
    assert cookie.startswith("__Host-csrf=")
    assert cookie.partition("; ")[2] == "Path=/; HttpOnly; Secure; SameSite=Lax"
    assert told["vary"] == ["Cookie"]
    tokens = set(told["x-csrf-token"])
    for _ in range(3):
        _, more = asked(csrf, cookie=cookie.partition(";")[0])
        assert "set-cookie" not in more, "a valid one is kept"
        tokens |= set(more["x-csrf-token"])
    assert len(tokens) == 4
    reals = set()
    for token in tokens:
        both = base64.b64decode(token, validate=True)
        assert len(both) == 64
        reals.add(bytes(a ^ b for a, b in zip(both[:32], both[32:], strict=True)))
    assert len(reals) == 1


def test_over_plain_http_the_cookie_has_its_plain_name() -> None:
    """Where the settings say that cookies need not be secure."""
    _, told = asked(guard(secure=False))
    (cookie,) = told["set-cookie"]
    assert cookie.startswith("csrf=")
    assert cookie.partition("; ")[2] == "Path=/; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_changes_something_shows_origin_and_token(verb: str) -> None:
    """T32: with both it passes, as often as it likes."""
    csrf = guard()
    sent = begun(csrf)
    for origin in ({"origin": f"https://{HOST}"}, {"referer": f"https://{HOST}/page?x=y"}):
        assert asked(csrf, verb, **sent, **origin)[0] == ""
        assert asked(csrf, verb, **sent, **origin)[1]["vary"] == ["Cookie"]


@pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_reading_needs_neither(verb: str) -> None:
    """Whatever page it is asked from."""
    assert asked(guard(), verb, origin="https://evil.example.com")[0] == ""


def test_the_order_of_the_checks() -> None:
    """T32: the origin first, then the referer, then the token; what is refused is told the next token."""
    csrf = guard()
    sent, own = begun(csrf), {"origin": f"https://{HOST}"}
    without = {"cookie": sent["cookie"]}
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "referer not supplied"),
        ({"origin": "https://evil.example.com"}, "origin invalid"),
        ({"origin": "https://evil.example.com", "referer": f"https://{HOST}/", **sent}, "origin invalid"),
        ({"origin": "null", **sent}, "origin invalid"),
        ({"origin": f"http://{HOST}", **sent}, "origin invalid"),
        ({"origin": f"https://{HOST}:8443", **sent}, "origin invalid"),
        ({"origin": f"https://{HOST}.evil.example.com", **sent}, "origin invalid"),
        ({"referer": f"http://{HOST}/", **sent}, "referer invalid"),
        ({"referer": f"HTTP://{HOST}/", **sent}, "referer invalid"),
        ({"referer": "https://evil.example.com/", **sent}, "referer invalid"),
        ({"referer": f"https://{HOST}@evil.example.com/", **sent}, "referer invalid"),
        ({"referer": "/", **sent}, "referer invalid"),
        ({"referer": "https://[", **sent}, "referer invalid"),
        ({**own, **without}, "CSRF token not found in request"),
        ({**own, **without, "x_csrf_token": ""}, "CSRF token not found in request"),
        ({**own, **without, "x_csrf_token": "no base64!"}, "CSRF token invalid"),
        ({**own, **without, "x_csrf_token": sent["x_csrf_token"][:-4]}, "CSRF token invalid"),
        ({**own, **without, "x_csrf_token": masked(secrets.token_bytes(32))}, "CSRF token invalid"),
        ({**own, "x_csrf_token": sent["x_csrf_token"]}, "CSRF token invalid"),
        ({**own, "cookie": "__Host-csrf=forged", "x_csrf_token": sent["x_csrf_token"]}, "CSRF token invalid"),
        ({**own, "cookie": sent["cookie"], "x_csrf_token": "ÿ"}, "CSRF token invalid"),
    ]
    for headers, reason in cases:
        found, told = asked(csrf, "POST", **headers)
        assert found == reason, headers
        assert len(base64.b64decode(told["x-csrf-token"][0])) == 64
        assert ("set-cookie" in told) == (headers.get("cookie") != sent["cookie"])
    assert asked(csrf, "POST", **sent, **own)[0] == ""


def test_who_was_refused_can_go_on() -> None:
    """With the cookie and the token of the refusal."""
    csrf = guard()
    own = {"origin": f"https://{HOST}"}
    _, told = asked(csrf, "POST", **own)
    cookie, token = told["set-cookie"][0].partition(";")[0], told["x-csrf-token"][0]
    assert asked(csrf, "POST", cookie=cookie, x_csrf_token=token, **own)[0] == ""


@pytest.mark.parametrize(
    ("allowed", "headers"),
    [
        ("https://web.example.com", {"origin": "https://web.example.com"}),
        ("https://web.example.com", {"origin": "https://web.example.com:443"}),
        ("https://web.example.com:443", {"referer": "https://web.example.com/x"}),
        ("http://localhost:8080", {"origin": "http://localhost:8080"}),
        ("http://localhost:8080", {"referer": "https://localhost:8080"}),
    ],
)
def test_origins_that_the_settings_allow(allowed: str, headers: dict[str, str]) -> None:
    """By their hosts, with and without the port that their scheme has anyway."""
    csrf = guard(allowed=(allowed,))
    assert asked(csrf, "POST", **begun(csrf), **headers)[0] == ""
    closed = guard()
    assert asked(closed, "POST", **begun(closed), **headers)[0] != ""


def test_the_address_that_users_have_for_the_server_is_its_own_origin() -> None:
    """Behind a proxy that names it otherwise, and over plain HTTP; of HTTP only if that is the address."""
    plain = guard(own="http://127.0.0.1:8000", secure=False)
    assert asked(plain, "POST", **begun(plain), origin="http://127.0.0.1:8000")[0] == ""
    assert asked(plain, "POST", **begun(plain), referer="http://127.0.0.1:8000/")[0] == "referer invalid"
    proxied = guard(own="https://outside.example.com")
    assert asked(proxied, "POST", **begun(proxied), origin="https://outside.example.com")[0] == ""
    assert asked(proxied, "POST", **begun(proxied), referer="https://outside.example.com/")[0] == ""
    assert (
        asked(proxied, "POST", **begun(proxied), origin="http://outside.example.com")[0] == "origin invalid"
    )


def test_a_token_is_of_the_servers_that_share_a_key() -> None:
    """All gateways of an installation, through restarts; no others."""
    sent = begun(guard())
    own = {"origin": f"https://{HOST}"}
    assert asked(guard(), "POST", **sent, **own)[0] == ""
    other = Csrf(bytes(32), own_origin=f"https://{HOST}", allowed_origins=(), secure=True, clock=lambda: NOW)
    assert asked(other, "POST", **sent, **own)[0] == "CSRF token invalid"


def test_a_signed_cookie_is_the_one_it_was_signed_as() -> None:
    """T40: its name, time and value are signed without a doubt where one ends; none can be another's."""
    made = signed(KEY, "csrf", b"value", NOW)
    assert opened(KEY, "csrf", made) == b"value"
    at, value, mac = base64.b64decode(made, b"-_").split(b"|", 2)
    assert int(at) == NOW.timestamp()
    assert base64.b64decode(value) == b"value"
    assert mac == hmac.digest(KEY, b"csrf|" + at + b"|" + value, hashlib.sha256)
    assert opened(KEY, "session", made) is None
    assert opened(bytes(32), "csrf", made) is None
    for moved in (
        at[:-1] + b"|" + at[-1:] + value + b"|" + mac,
        at + b"|" + value[:-1] + b"|" + value[-1:] + mac,
        at + b"1|" + value + b"|" + mac,
        at + b"|" + value + b"|",
        at + b"|" + value,
        b"||",
        b"",
    ):
        assert opened(KEY, "csrf", base64.urlsafe_b64encode(moved).decode()) is None
    assert opened(KEY, "csrf", signed(KEY, "csrf", b"x" * 4096, NOW)) is None, "longer than browsers keep"


@given(
    st.text(max_size=60) | st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode())
)
def test_what_was_not_signed_opens_nothing(text: str) -> None:
    """Whatever it is, without an exception."""
    assert opened(KEY, "csrf", text) is None


@given(st.text(max_size=200))
def test_any_cookie_header_is_read(header: str) -> None:
    """Into names and values that a cookie may have."""
    for name, value in cookies(header).items():
        assert name
        assert value.isascii()
        assert not set(' ;,"\\').intersection(value)


def test_cookies_of_a_header() -> None:
    """The first of a name counts, quotes are none of the value, the rest is passed over."""
    header = 'a=1; b="2";c=3=4;  a=5; bad name=6; d; =7; e=\x017; f='
    assert cookies(header) == {"a": "1", "b": "2", "c": "3=4", "f": ""}


def test_a_header_of_an_answer_is_one_line() -> None:
    """T33: nobody puts another one into it; without a request it goes nowhere."""
    said: Headers = []
    with answering(said):
        for text in ("a\r\nset-cookie: x=y", "a\nb", "a\0"):
            with pytest.raises(ValueError, match="control"):
                answer_with("location", text)
        set_cookie("name", "value", secure=True, same_site="Strict", seconds=60)
    assert said == [(b"set-cookie", b"name=value; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict")]
    answer_with("location", "/nowhere")
