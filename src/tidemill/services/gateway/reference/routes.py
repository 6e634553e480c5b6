"""Where the description of the public API is served; it is made when it is first asked for."""

from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any

import msgspec
from anyio import Lock, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tidemill.services.gateway.reference.document import document
from tidemill.services.gateway.reference.page import page

#: The page runs nothing and loads nothing but what this server has, and asks nobody else.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSETS = {"docs.css": "text/css", "docs.js": "text/javascript", "icon.svg": "image/svg+xml"}
_HOUR = "private, max-age=3600"


def reference_routes(api: Sequence[BaseRoute]) -> list[BaseRoute]:
    """Routes that describe those of *api*."""
    made = _Made(api)
    return [
        Route("/api/openapi.json", made.document),
        Route("/api/docs", made.page),
        *(Route(f"/api/docs/{name}", partial(_asset, name, media)) for name, media in _ASSETS.items()),
    ]


class _Made:
    """The document and the page, made once, beside what else is served."""

    def __init__(self, api: Sequence[BaseRoute]) -> None:
        self._api = api
        self._lock = Lock()
        self._bodies: tuple[bytes, bytes] | None = None

    async def document(self, _: Request) -> Response:
        body, _page = await self._get()
        return Response(body, media_type="application/json", headers={"cache-control": "no-cache"})

    async def page(self, _: Request) -> Response:
        _document, body = await self._get()
        headers = {"content-security-policy": CONTENT_POLICY, "cache-control": "no-cache"}
        return Response(body, media_type="text/html", headers=headers)

    async def _get(self) -> tuple[bytes, bytes]:
        async with self._lock:
            if self._bodies is None:
                self._bodies = await to_thread.run_sync(self._make)
            return self._bodies

    def _make(self) -> tuple[bytes, bytes]:
        described: dict[str, Any] = document(self._api)
        return msgspec.json.encode(described), page(described).encode()


async def _asset(name: str, media: str, _: Request) -> Response:
    content = files("tidemill.services.gateway.reference") / "assets" / name
    return Response(content.read_bytes(), media_type=media, headers={"cache-control": _HOUR})
