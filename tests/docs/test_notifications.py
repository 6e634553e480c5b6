"""The receiver of docs/notifications.md, as it stands there, with requests as the server signs them."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tidemill.services.notification.signing import headers
from tidemill.services.notification.store.claiming import Claimed

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"
SECRET = "the-secret"
BODY = b'{"run":{"counter":7,"name":"build","phase":"finished","result":"success"}}'

Post = Callable[[bytes, dict[str, str]], int]


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Posts to the receiver of the page; answers the status."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(example, str(PAGE), "exec"), names)
    names["Receiver"].log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def post(body: bytes, with_headers: dict[str, str]) -> int:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        return httpx2.post(url, content=body, headers=with_headers, timeout=10).status_code

    yield post
    server.shutdown()
    server.server_close()
    thread.join(10)


def signed(body: bytes = BODY, *, secret: str = SECRET, ago: float = 0) -> dict[str, str]:
    """The headers of a request that is so many seconds old."""
    claimed = Claimed(
        sequence=1,
        claim="",
        until=datetime.now(UTC),
        id="delivery",
        webhook="webhook",
        run="run",
        destination="one",
        attempts=0,
        payload=body,
    )
    return headers(claimed, secret, datetime.now(UTC) - timedelta(seconds=ago))


def test_it_takes_what_is_genuine_and_does_it_once(post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    """A repetition is answered alike."""
    assert [post(BODY, signed()) for _ in range(2)] == [201, 201]
    assert capsys.readouterr().out == "#7 build: finished success\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"},
        {"ago": 3600},
        {"body": b"{}"},
        {"secret": ""},
    ],
    ids=["another secret", "long ago", "another body", "not signed"],
)
def test_it_refuses_everything_else(
    post: Post, capsys: pytest.CaptureFixture[str], changes: dict[str, Any]
) -> None:
    """And does nothing with it."""
    assert post(BODY, signed(**changes)) == 403
    assert capsys.readouterr().out == ""
