"""What the settings say of browsers becomes the edge, or one clear error."""

from typing import Any

import pytest
from msgspec.structs import replace

from tidemill.errors import BadRequest
from tidemill.serve.browsers import edge
from tidemill.settings import GatewaySettings, Settings, WebSettings

USUAL = Settings()


def with_origins(*origins: str, **more: Any) -> Settings:
    return replace(USUAL, gateway=GatewaySettings(allowed_origins=origins, **more))


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "ci.example.com",
            "https://ci.example.com/",
            "https://ci.example.com/x",
            "*",
            "https://*.example.com",
        ),
        *(
            "https://",
            "ftp://ci.example.com",
            "https://user@ci.example.com",
            "https://a:x",
            "null",
            "https://[",
        ),
    ],
)
def test_what_is_no_origin(origin: str) -> None:
    """It is told which one, and how origins are written."""
    with pytest.raises(BadRequest, match=r"gateway\.allowed_origins: .* is no origin; write scheme and host"):
        edge(with_origins("https://good.example.com", origin), "http://127.0.0.1:8000")


def test_what_is_one() -> None:
    """Also with ports, and for pages that are served over plain HTTP."""
    made = edge(with_origins("https://a.example.com:8443", "http://localhost:8080"), "http://127.0.0.1:8000")
    said = dict(made.headers("GET", {b"origin": b"http://localhost:8080"}, is_api=True))
    assert said[b"access-control-allow-origin"] == b"http://localhost:8080"


@pytest.mark.parametrize(("exposed", "over_tls"), [("https://ci.example.com", True), ("", False)])
def test_over_tls_browsers_stay_there(exposed: str, over_tls: bool) -> None:
    """When that is how users reach the gateway, through a proxy or not."""
    made = edge(with_origins(exposed_url=exposed), "http://127.0.0.1:8000")
    assert (b"strict-transport-security" in dict(made.headers("GET", {}, is_api=True))) is over_tls


@pytest.mark.parametrize("network", ["proxy.example.com", "10.0.0.1/8", "10.0.0.0/99", ""])
def test_what_is_no_network(network: str) -> None:
    """Names of proxies are none: whoever answers for names would choose whom we believe."""
    settings = replace(USUAL, web=WebSettings(trusted_proxies=("127.0.0.1", network)))
    with pytest.raises(BadRequest, match=r"web\.trusted_proxies: .*; write addresses or networks"):
        edge(settings, "http://127.0.0.1:8000")
