"""A server that writes down what it is asked, and answers what it was told to."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

PREFIX = "/api/v1alpha"


class Asked(NamedTuple):
    """A request: `GET /users`, and the JSON that it carries without what is null."""

    line: str
    body: Any = None


class Recorder:
    """What was asked so far."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.tokens: set[str] = set()
        self.url = ""

    def answer(self, line: str) -> tuple[bytes, str]:
        """The body for a request, and the cursor."""
        told = self.answers.get(line)
        body, cursor = told if isinstance(told, tuple) else (told, "")
        return body if isinstance(body, bytes) else json.dumps(body).encode(), cursor


@contextmanager
def recording(answers: Mapping[str, Any]) -> Iterator[Recorder]:
    """Run a server that answers what stands behind `GET /path?query`, and is empty elsewhere."""
    recorder = Recorder(answers)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            path, _, query = self.path.removeprefix(PREFIX).partition("?")
            path += "?" * bool(query) + "&".join(sorted(query.split("&")))  # as Go's clients write it
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            if isinstance(body, dict):
                body = {key: value for key, value in body.items() if value is not None}
            recorder.asked.append(Asked(f"{self.command} {path}", body))
            recorder.tokens.add(self.headers.get("Authorization") or "")
            answer, cursor = recorder.answer(f"{self.command} {path}")
            empty = answer == b"null"
            self.send_response(204 if empty else 200)
            if not empty:
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("X-Agola-Cursor", cursor)
            self.end_headers()
            if not empty:
                self.wfile.write(answer)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._do
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        recorder.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()
