"""A receiver of webhooks in a thread of its own, for servers in processes of theirs."""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

PATIENCE = 90.0


class Received(msgspec.Struct, frozen=True):
    """A request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def state(self) -> tuple[str, str]:
        run = msgspec.json.decode(self.body)["run"]
        return run["phase"], run["result"]

    def is_signed(self, secret: str) -> bool:
        made = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(made, self.headers["X-Agola-SHA256Signature"])


class WebhookReceiver:
    """What has come; *status* is what is answered, *hold* what happens before that."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status = 201
        self.hold: Callable[[], Any] = lambda: None
        self._came = threading.Condition()
        self.url = ""

    def take(self, received: Received) -> None:
        """Note a request."""
        with self._came:
            self.received.append(received)
            self._came.notify_all()

    def wait_for(self, count: int) -> list[Received]:
        """All requests, once there are so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.received) >= count, PATIENCE), self.received
            return list(self.received)


@contextmanager
def receiving() -> Iterator[WebhookReceiver]:
    """A receiver on a free loopback port."""
    receiver = WebhookReceiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take(Received(dict(self.headers), body))
            receiver.hold()
            try:
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Whoever was killed has hung up."""

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook/token-of-the-url"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    receiver.hold = lambda: None
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE)
