"""No page of another origin acts with a user's cookies: the checks of gorilla/csrf (reference, API 2.4)."""

import base64
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from tidemill.errors import Forbidden
from tidemill.kit.contract import Call
from tidemill.kit.http.cookies import cookies, opened, set_cookie, signed
from tidemill.kit.http.cors import forms
from tidemill.kit.http.outgoing import answer_with
from tidemill.kit.wire import CSRF_REFUSED, CSRF_TOKEN

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_BYTES = 32
_HEADER = CSRF_TOKEN.lower()

#: What is wrong, in gorilla's words, and what to do about it.
_ADVICE = {
    "origin invalid": "this page's origin is not among gateway.allowed_origins",
    "referer not supplied": "send an Origin or a Referer, as browsers do",
    "referer invalid": "this page's origin is not among gateway.allowed_origins",
    "CSRF token not found in request": f"send the header {CSRF_TOKEN} that came with an answer before",
    "CSRF token invalid": f"send the header {CSRF_TOKEN} that came with this answer",
}


class Csrf:
    """Hands out tokens, and wants one back with whatever changes something."""

    def __init__(
        self,
        key: bytes,
        *,
        own_origin: str,
        allowed_origins: Iterable[str],
        secure: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._key = key
        self._own_origins = frozenset(forms(own_origin))
        self._own_hosts = frozenset(map(_host, self._own_origins))
        self._trusted = frozenset(
            urlsplit(form).netloc for origin in allowed_origins for form in forms(origin)
        )
        self._name = "__Host-csrf" if secure else "csrf"
        self._secure = secure
        self._clock = clock

    def check(self, call: Call) -> None:
        """Let a request without a user's token pass, or refuse it; the answer has what the next must show."""
        given = opened(self._key, self._name, cookies(call.header("cookie")).get(self._name, ""))
        real = _token_of(given)
        if real is None:
            real = secrets.token_bytes(_BYTES)
            value = msgspec.json.encode(base64.b64encode(real).decode()) + b"\n"
            cookie = signed(self._key, self._name, value, self._clock())
            set_cookie(self._name, cookie, secure=self._secure, same_site="Lax")
        answer_with(_HEADER, masked(real))
        if call.verb not in SAFE:
            self.check_origin(call)
            _check_token(call.header(_HEADER), real)
        answer_with("vary", "Cookie")

    def check_origin(self, call: Call) -> None:
        """Refuse what a page of a foreign origin sends, or what does not say where it is from."""
        referer = call.header("referer")
        if call.header("origin"):
            self.check_stated_origin(call)
        elif not referer:
            raise _refusal("referer not supplied")
        elif referer.lower().startswith("http:") or not self._knows(_host(referer), call):
            raise _refusal("referer invalid")

    def check_stated_origin(self, call: Call) -> None:
        """Refuse a foreign origin; who states none is no browser."""
        origin = call.header("origin")
        own = not origin or origin == f"https://{call.header('host')}" or origin in self._own_origins
        if not own and _host(origin) not in self._trusted:
            raise _refusal("origin invalid")

    def _knows(self, host: str, call: Call) -> bool:
        return host != "" and (host == call.header("host") or host in self._own_hosts | self._trusted)


def token_skips_csrf() -> None:
    """Who shows a token of theirs is no browser that was led astray; the header is there, and empty."""
    answer_with(_HEADER, "")


def masked(token: bytes) -> str:
    """*token* in another form each time, so that its compression with what surrounds it tells nothing."""
    mask = secrets.token_bytes(_BYTES)
    return base64.b64encode(mask + _xor(mask, token)).decode()


def _check_token(shown: str, real: bytes) -> None:
    if not shown:
        raise _refusal("CSRF token not found in request")
    try:
        both = base64.b64decode(shown, validate=True)
    except ValueError:
        both = b""
    if len(both) != 2 * _BYTES or not hmac.compare_digest(_xor(both[:_BYTES], both[_BYTES:]), real):
        raise _refusal("CSRF token invalid")


def _refusal(reason: str) -> Forbidden:
    return Forbidden(f"{reason}: {_ADVICE[reason]}", code=CSRF_REFUSED, details={"reason": reason})


def _token_of(given: bytes | None) -> bytes | None:
    """The token in a cookie's value; None when there is none."""
    if given is None:
        return None
    try:
        token = base64.b64decode(msgspec.json.decode(given, type=str), validate=True)
    except (msgspec.DecodeError, ValueError):
        return None
    return token if len(token) == _BYTES else None


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
