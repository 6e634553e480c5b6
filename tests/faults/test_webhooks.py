"""Webhooks by two notification services in processes of their own, one of which is killed."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DatabaseUrl
from tests.faults.installation import eventually
from tests.system.server import Server, Work, config
from tests.system.webhook_receiver import WebhookReceiver, receiving

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]

TOKEN = {"TIDEMILL_SERVICE_TOKEN": "between-services"}
NORMAL = [("queued", "unknown"), ("running", "unknown"), ("running", "success"), ("finished", "success")]


class Notified:
    """Everything else in one process, and two notification services that share a database."""

    def __init__(self, place: Path, database: str, receiver: WebhookReceiver) -> None:
        addresses = [free_address() for _ in range(2)]
        everywhere = {"TIDEMILL_NOTIFICATION_URL": ",".join(f"http://{one}" for one in addresses)}
        self.rest = Server(
            place / "rest",
            components="configstore,runservice,gitserver,gateway,scheduler,executor",
            environment=TOKEN | everywhere,
        ).start()
        own = {
            "TIDEMILL_RUNSERVICE_URL": self.rest.url,
            "TIDEMILL_NOTIFICATION_DATABASE": database,
            "TIDEMILL_NOTIFICATION_WEBHOOK_URL": receiver.url,
            "TIDEMILL_NOTIFICATION_WEBHOOK_ALLOW": "127.0.0.1/32",
        }
        self.notifiers = [
            Server(
                place / f"notifier{index}",
                components="notification",
                environment=TOKEN | own,
                listen=address,
            )
            for index, address in enumerate(addresses)
        ]

    def close(self) -> None:
        for server in (*self.notifiers, self.rest):
            if server.process is not None and server.process.poll() is None:
                server.stop()
        self.rest.clear_away()


def free_address() -> str:
    """Where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def notified(tmp_path: Path, database_url: DatabaseUrl, receiver: WebhookReceiver) -> Iterator[Notified]:
    made = Notified(tmp_path, database_url("notification"), receiver)
    yield made
    made.close()


def test_another_one_goes_on_when_the_one_that_follows_is_killed(
    notified: Notified, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    """The one that started last follows; after its death the other, and after its return it again."""
    first, second = notified.notifiers
    first.start()
    second.start()
    work = Work(tmp_path / "work", notified.rest.user("alice").project("hello"))
    user, path = work.project.user, f"{work.project.ref}/runwebhookdeliveries"
    for number, change in enumerate((lambda: None, second.kill, second.start), 1):
        change()
        work.commit(config("echo hello"))
        work.push()
        work.project.finished(number)
        receiver.wait_for(4 * number)
        eventually(
            lambda number=number: (
                [one["delivery_status"] for one in user.get(path)] == ["delivered"] * 4 * number
            ),
            "all is recorded as delivered",
        )
    told = [one.headers["X-Agola-Delivery"] for one in receiver.received]
    assert len(set(told)) == len(told) == 12
    assert [one.state for one in receiver.received] == 3 * NORMAL
