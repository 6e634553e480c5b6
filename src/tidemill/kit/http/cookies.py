"""Cookies: read from a request, set with an answer, and signed, so that nobody else makes them."""

import base64
import hashlib
import hmac
import re
from datetime import datetime

from tidemill.kit.http.outgoing import answer_with

_PAIR = re.compile(r"\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(\"?)([!#-+\--:<-\[\]-~]*)\2\s*")
_LONGEST = 4096


def cookies(header: str) -> dict[str, str]:
    """The cookies of a Cookie header: of several with one name the first, and none that is malformed."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        pair = _PAIR.fullmatch(part)
        if pair:
            found.setdefault(pair[1], pair[3])
    return found


def set_cookie(
    name: str,
    value: str,
    *,
    secure: bool,
    same_site: str,
    http_only: bool = True,
    seconds: int | None = None,
) -> None:
    """Set a cookie with the answer that is being made, for all of this host; 0 *seconds* remove it."""
    parts = [f"{name}={value}", "Path=/"]
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    if http_only:
        parts.append("HttpOnly")
    if secure:
        parts.append("Secure")
    answer_with("set-cookie", "; ".join([*parts, f"SameSite={same_site}"]))


def signed(key: bytes, name: str, value: bytes, now: datetime) -> str:
    """*value* as the cookie *name*, as gorilla/securecookie signs it.

    What is signed cannot be read in two ways: name and time hold no bar, and the value is base64.
    """
    dated = f"{int(now.timestamp())}|{_encode(value)}"
    return _encode(f"{dated}|".encode() + _mac(key, f"{name}|{dated}"))


def opened(key: bytes, name: str, cookie: str) -> bytes | None:
    """The value of a signed cookie; None for what we have not signed as the cookie *name*."""
    if len(cookie) > _LONGEST:
        return None
    try:
        at, value, mac = base64.b64decode(cookie, b"-_", validate=True).split(b"|", 2)
        dated = f"{at.decode('ascii')}|{value.decode('ascii')}"
        if not hmac.compare_digest(mac, _mac(key, f"{name}|{dated}")):
            return None
        return base64.b64decode(value, b"-_", validate=True)
    except ValueError:
        return None


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
