"""What the settings say of browsers: which pages may ask, and how users reach this server."""

import ipaddress
from urllib.parse import urlsplit

from tidemill.errors import BadRequest
from tidemill.kit.http import Edge
from tidemill.settings import Settings


def edge(settings: Settings, address: str) -> Edge:
    """The edge of this process at *address*; raises BadRequest for an origin or a network that is none."""
    for origin in settings.gateway.allowed_origins:
        _check(origin)
    for network in settings.web.trusted_proxies:
        _check_network(network)
    exposed = settings.gateway.exposed_url or address
    return Edge(
        allowed_origins=settings.gateway.allowed_origins,
        over_tls=exposed.startswith("https://"),
        trusted_proxies=settings.web.trusted_proxies,
    )


def _check(origin: str) -> None:
    try:
        parts = urlsplit(origin)
        is_origin = parts.hostname is not None and origin == f"{parts.scheme}://{parts.netloc}"
        is_origin = is_origin and parts.scheme in ("http", "https") and "@" not in origin and parts.port != 0
    except ValueError:
        is_origin = False
    if not is_origin or "*" in origin:
        raise BadRequest(
            f"gateway.allowed_origins: {origin!r} is no origin; write scheme and host, such as"
            " https://ci.example.com",
            code="badSettings",
        )


def _check_network(network: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise BadRequest(
            f"web.trusted_proxies: {error}; write addresses or networks, such as 10.0.0.0/8",
            code="badSettings",
        ) from error
