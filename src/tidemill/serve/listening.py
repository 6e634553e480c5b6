"""Where this process listens, and who can reach it there."""

import errno
import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

from tidemill.errors import BadRequest
from tidemill.settings import Settings


def listen(settings: Settings) -> socket.socket:
    """A socket that listens; raises BadRequest for an address that is wrong, taken or open to others."""
    host, _, port = settings.web.listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit():
        raise BadRequest(f"web.listen {settings.web.listen!r}: write address:port, such as 127.0.0.1:8000")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadRequest(
            f"cannot listen on {settings.web.listen}: {_reason(error)}; choose another with --listen"
        ) from error
    listener.listen(2048)
    if not is_loopback(address(listener)) and not settings.service_token:
        listener.close()
        raise BadRequest(
            f"web.listen {settings.web.listen} can be reached from other machines: set service_token, so "
            "that nobody but your services can ask the internal ones"
        )
    return listener


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "a port is at most 65535"
    if error.errno == errno.EADDRINUSE:
        return "another program listens there, perhaps a server that runs already"
    return error.strerror or str(error)


def tls(settings: Settings) -> ssl.SSLContext | None:
    """What connections are encrypted with, if at all; raises BadRequest for files that cannot be used."""
    certificate, key = settings.web.tls_cert, settings.web.tls_key
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise BadRequest("web.tls_cert and web.tls_key go together; give both", code="badSettings")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadRequest(
            f"cannot use the certificate {certificate} with the key {key}: {reason}", code="badSettings"
        ) from error
    return context


def address(listener: socket.socket, *, over_tls: bool = False) -> str:
    """The URL of what *listener* serves."""
    scheme = "https" if over_tls else "http"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def is_loopback(url: str) -> bool:
    """Whether only this machine can reach *url*."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
