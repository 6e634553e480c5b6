"""The edge: what is looked at before any route is, and what is said to browsers with every answer."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from tidemill.kit.http.cors import Cors, Headers
from tidemill.kit.http.failing import Answer
from tidemill.kit.http.proxies import Proxies

#: Nothing here is a script, a page in somebody's frame, or of another kind than it says.
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
]
#: Answers of the API show what is its reader's alone, tokens too.
_API: Headers = [*_ALWAYS, (b"cache-control", b"no-store")]
_OVER_TLS = (b"strict-transport-security", b"max-age=31536000")

_SUSPECT = re.compile(r"//|/\.|%")
_UNCLEAN = re.compile(rb"//|/\.\.?(?:/|$)")
_SAFE = "/$&+,:;=@-._~!*'()"


class Edge:
    """How the app meets browsers: which origins and proxies it knows, whether users reach it over TLS."""

    def __init__(
        self,
        *,
        allowed_origins: tuple[str, ...] = (),
        over_tls: bool = False,
        trusted_proxies: tuple[str, ...] = (),
    ) -> None:
        self._cors = Cors(allowed_origins)
        self._proxies = Proxies(trusted_proxies)
        self._always = [*_ALWAYS, _OVER_TLS] if over_tls else _ALWAYS
        self._api = [*_API, _OVER_TLS] if over_tls else _API

    def first_look(self, verb: str, path: str, query: bytes, headers: Mapping[bytes, bytes]) -> Answer | None:
        """The answer to what no route need see: a path that is not clean, a browser that asks ahead."""
        if _SUSPECT.search(path) and (clean := cleaned(path)) is not None:
            where = clean + (f"?{query.decode('latin-1')}" if query else "")
            return Answer(301, [(b"location", where.encode("latin-1"))], b"")
        if verb == "OPTIONS" and self._cors.origins:
            return self._cors.preflight(headers)
        return None

    def remote(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The address of who asks; each proxy on the way may have added a header of its own."""
        return self._proxies.client(peer, (text for name, text in headers if name == b"x-forwarded-for"))

    def headers(self, verb: str, headers: Mapping[bytes, bytes], *, is_api: bool) -> Headers:
        """What is said with an answer, unless the answer says it itself."""
        said = self._api if is_api else self._always
        if is_api and self._cors.origins and b"origin" in headers and verb != "OPTIONS":
            return [*said, *self._cors.headers(headers)]
        return said


def cleaned(path: str) -> str | None:
    """Where a raw path with empty, `.` or `..` segments leads, escaped or not; None for a clean one.

    The answer is always a path of this server: it begins with exactly one slash.
    """
    plain = unquote_to_bytes(path)
    if not _UNCLEAN.search(plain):
        return None
    text = plain.decode("utf-8", "surrogateescape")
    clean = "/" + posixpath.normpath(text).lstrip("/")
    if clean != "/" and text.endswith("/"):
        clean += "/"
    return quote(clean.encode("utf-8", "surrogateescape"), safe=_SAFE)
