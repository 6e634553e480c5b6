"""Where this process listens, and who can reach it there."""

import errno
import socket

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


def address(listener: socket.socket) -> str:
    """The URL of what *listener* serves."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(url: str) -> bool:
    """Whether only this machine can reach *url*."""
    return url.startswith(("http://127.", "http://[::1]", "http://localhost"))
