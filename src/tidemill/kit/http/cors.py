"""Pages of other origins that may ask: the answers that gorilla/handlers gives (reference, API 1.1)."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from tidemill.kit.http.failing import Answer
from tidemill.kit.wire import CSRF_TOKEN, CURSOR

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
#: Methods and headers that browsers take for granted, so that nothing is said of them.
_SIMPLE_METHODS = frozenset({"GET", "HEAD", "POST"})
_SIMPLE_HEADERS = frozenset({"Accept", "Accept-Language", "Content-Language", "Origin"})
_HEADERS = frozenset(
    {"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "Content-Range", "Authorization"}
    | {CSRF_TOKEN, CURSOR}
    | {"Last-Event-Id", "Range"}  # ours: event streams that go on, and parts of artifacts
)
_EXPOSED = f"{CSRF_TOKEN},{CURSOR}".encode()
_DEFAULT_PORTS = {"http": 80, "https": 443}

Headers = list[tuple[bytes, bytes]]


class Cors:
    """Which origins may ask from within a browser, with the user's cookies."""

    def __init__(self, origins: Iterable[str]) -> None:
        self.origins = frozenset(form for origin in origins for form in forms(origin))

    def preflight(self, headers: Mapping[bytes, bytes]) -> Answer | None:
        """The answer to OPTIONS of an allowed origin; None for any other."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin not in self.origins:
            return None
        method = headers.get(b"access-control-request-method")
        if method is None:
            return _empty(400)
        wanted = method.decode("latin-1")
        if wanted not in _METHODS:
            return _empty(405)
        asked = headers.get(b"access-control-request-headers", b"").decode("latin-1").split(",")
        names = [name for name in map(_canonical, asked) if name and name not in _SIMPLE_HEADERS]
        if not _HEADERS.issuperset(names):
            return _empty(403)
        said: Headers = []
        if names:
            said.append((b"access-control-allow-headers", ",".join(names).encode()))
        if wanted not in _SIMPLE_METHODS:
            said.append((b"access-control-allow-methods", method))
        return _empty(200, [*said, *self._allowing(origin)])

    def headers(self, headers: Mapping[bytes, bytes]) -> Headers:
        """What is said with the answer to any other request; nothing to origins that are not allowed."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin not in self.origins:
            return []
        return [(b"access-control-expose-headers", _EXPOSED), *self._allowing(origin)]

    def _allowing(self, origin: str) -> Headers:
        said = [
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-allow-origin", origin.encode("latin-1")),
        ]
        return [*said, (b"vary", b"Origin")] if len(self.origins) > 1 else said


def forms(origin: str) -> tuple[str, ...]:
    """An origin as browsers may write it: with its scheme's own port, and without; the given form first."""
    parts = urlsplit(origin)
    port = _DEFAULT_PORTS.get(parts.scheme)
    if port is None or parts.port not in (None, port):
        return (origin,)
    host = parts.netloc.removesuffix(f":{port}")
    return tuple(dict.fromkeys((origin, f"{parts.scheme}://{host}", f"{parts.scheme}://{host}:{port}")))


def _empty(status: int, headers: Headers | None = None) -> Answer:
    return Answer(status, headers or [], b"")


def _canonical(name: str) -> str:
    """A header's name as Go writes it."""
    return "-".join(part.capitalize() for part in name.strip().split("-"))
