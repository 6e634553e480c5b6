"""Webhooks from a push to a receiver: signed, in order, across a death; and nothing of them in any log."""

import threading
from collections.abc import Iterator

import pytest

from tests.system.server import Server, Work, config
from tests.system.webhook_receiver import PATIENCE, WebhookReceiver, receiving

SECRET = "the-secret-of-the-webhook"


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with receiving() as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: WebhookReceiver) -> Iterator[Server]:
    """A server that tells the receiver what happens."""
    settings = {
        "TIDEMILL_NOTIFICATION_WEBHOOK_URL": receiver.url,
        "TIDEMILL_NOTIFICATION_WEBHOOK_SECRET": SECRET,
        "TIDEMILL_NOTIFICATION_WEBHOOK_ALLOW": "127.0.0.1/32",
    }
    running = Server(tmp_path_factory.mktemp("server") / "data", environment=settings).start()
    yield running
    assert running.stop() == 0
    running.clear_away()


def test_a_push_is_told_to_the_webhook(work: Work, receiver: WebhookReceiver, server: Server) -> None:
    """Four requests with Agola's headers, and as many deliveries in the list of the project."""
    receiver.received.clear()
    work.commit(config("echo hello"))
    work.push()
    work.project.finished(1)
    received = receiver.wait_for(4)
    assert [one.state for one in received] == [
        ("queued", "unknown"),
        ("running", "unknown"),
        ("running", "success"),
        ("finished", "success"),
    ]
    assert all(one.is_signed(SECRET) for one in received)
    listed = work.project.user.get(f"{work.project.ref}/runwebhookdeliveries")
    assert [one["run_webhook_id"] for one in listed] == [one.headers["X-Agola-Delivery"] for one in received]
    text = server.log.read_text()
    assert SECRET not in text
    assert "token-of-the-url" not in text


def test_a_server_that_is_killed_while_it_delivers_delivers_again(
    work: Work, receiver: WebhookReceiver, server: Server
) -> None:
    """At once, the same under the same ids; nothing that happened is missing, nothing is told twice."""
    receiver.received.clear()
    release = threading.Event()
    receiver.hold = lambda: release.wait(PATIENCE)
    work.commit(config("echo hello"))
    work.push()
    (first,) = receiver.wait_for(1)
    server.kill()
    receiver.hold = lambda: None
    release.set()
    server.start()
    work.project.finished(1)
    received = receiver.wait_for(5)
    assert received[1].body == first.body
    for name in ("X-Agola-Delivery", "X-Tidemill-Delivery"):
        assert received[1].headers[name] == first.headers[name]
    assert [one.state for one in received] == [
        ("queued", "unknown"),
        ("queued", "unknown"),
        ("running", "unknown"),
        ("running", "success"),
        ("finished", "success"),
    ]
    listed = work.project.user.get(f"{work.project.ref}/runwebhookdeliveries")
    assert len(listed) == 4
