"""What happens between the requests of a story that no client of the API can make happen."""

from datetime import UTC, datetime

from tests.services.gateway.conftest import House
from tests.services.gateway.worker import Worker
from tidemill.contracts.notification import DeliveryStatus
from tidemill.core.job import JobSpec, Outcome
from tidemill.kit.db import Database
from tidemill.services.notification.store import claiming
from tidemill.services.notification.store import outbox as outbox_store
from tidemill.services.notification.store.outbox import Told

#: Two runs' worth of words: a task with two steps, and one that waits for somebody.
CONFIGURATION = b"""
runs:
  - name: main
    tasks:
      - name: build
        runtime: {type: host}
        steps: [{run: echo hello}, {run: {name: second, command: "true"}}]
"""
WAITING = b"""
runs:
  - name: main
    tasks:
      - name: deploy
        approval: true
        runtime: {type: host}
        steps: [{run: echo hello}, {run: {name: second, command: "true"}}]
"""
FILES = {"plain": CONFIGURATION, "waiting": WAITING, "broken": b"runs: [{name: main, tasks: {}"}


class Happenings:
    """Pushes, and an executor by hand."""

    def __init__(self, house: House, worker: Worker, outbox: Database) -> None:
        self._house = house
        self._outbox = outbox
        self._worker = worker
        self._jobs: list[JobSpec] = []

    async def happen(self, what: str, known: dict[str, str]) -> None:
        word, *rest = what.split(" ")
        await getattr(self, f"_{word}")(known, *rest)

    async def _push(self, _: dict[str, str], project: str, ref: str, content: str) -> None:
        await self._house.push(
            project, ref, files={".agola/config.yml": FILES[content]}, message="a <change>"
        )

    async def _start(self, _: dict[str, str]) -> None:
        await self._worker.start_all()

    async def _begin(self, known: dict[str, str]) -> None:
        """The job that was begun last is the one that is written and ended."""
        spec = await self._worker.begin()
        self._jobs.append(spec)

    async def _write(self, _: dict[str, str], step: str, text: str) -> None:
        await self._worker.write(self._jobs[-1], int(step), 0, text.encode() + b"\n")

    async def _end(self, _: dict[str, str], outcome: str) -> None:
        await self._worker.end(self._jobs.pop(), Outcome(outcome))

    async def _told(self, _: dict[str, str], project: str) -> None:
        """The receiver has taken what it was told of a run."""
        now = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)
        told = Told(project=project, run="a run", phase="queued", result="unknown", payload=b"{}")
        ids = iter(("a webhook", "a-delivery"))
        await self._outbox.do(lambda tx: outbox_store.tell(tx, [told], "one", now, ids))
        (mine,) = await self._outbox.do(lambda tx: claiming.claim(tx, "one", 1, by="me", now=now, until=now))
        await self._outbox.do(
            lambda tx: claiming.settle(
                tx, mine, DeliveryStatus.DELIVERED, status_code=201, reason="", now=now
            )
        )

    async def _commit(self, _: dict[str, str], repository: str, sha: str, content: str) -> None:
        """A commit that nobody tells the gateway of."""
        self._house.git.commit_to(repository, sha, sha, {".agola/config.yml": FILES[content]})

    async def _finish(self, known: dict[str, str]) -> None:
        """All jobs that there are are done; each says hello."""
        for _ in range(3):
            try:
                spec = await self._worker.begin()
            except ValueError:
                return
            await self._worker.write(spec, 0, 0, b"hello\n")
            await self._worker.end(spec, Outcome.FAILED)
