"""Hundreds of readers of events over a server that dies and comes back: each is told everything, once."""

from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from anyio.abc import TaskGroup

from tests.system.server import Server, Work, config
from tidemill.cli.resuming import resumed_events
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.kit.connect import connect, http_client

pytestmark = pytest.mark.anyio

READERS, RUNS = 500, 3
SECONDS = 90.0


class Readers:
    """Everybody who follows the events of a project, as `tidemill events` does."""

    def __init__(self, gateway: Gateway, project: str) -> None:
        self.told: list[list[str]] = [[] for _ in range(READERS)]
        self._gateway = gateway
        self._project = project
        self._moved = anyio.Event()

    def start(self, group: TaskGroup) -> None:
        for told in self.told:
            group.start_soon(self._follow, told)

    async def have(self, count: int) -> None:
        """Wait until each was told so much."""
        while any(len(told) < count for told in self.told):
            await self._moved.wait()

    async def _follow(self, told: list[str]) -> None:
        async for message in resumed_events(
            lambda after: self._gateway.project_events(self._project, after), "oldest"
        ):
            told.append(message.id)
            self._moved.set()
            self._moved = anyio.Event()


async def test_readers_go_on_when_the_server_is_back(server: Server, tmp_path: Path) -> None:
    """Killed, and stopped in order, while runs go on: all have the same events, numbered without gaps."""
    project = server.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    async with http_client(server.url) as http:
        http.headers["Authorization"] = f"token {project.user.token}"
        readers = Readers(connect(Gateway, http, PREFIX), project.path)
        with anyio.fail_after(SECONDS):
            async with anyio.create_task_group() as group:
                await to_thread.run_sync(_push, work)
                readers.start(group)
                await readers.have(1)
                for end in (server.kill, server.stop):
                    await to_thread.run_sync(end)
                    await to_thread.run_sync(server.start)
                    await to_thread.run_sync(_push, work)
                for number in range(1, RUNS + 1):
                    await to_thread.run_sync(project.finished, number)
                await readers.have(4 * RUNS)
                group.cancel_scope.cancel()
    longest = max(readers.told, key=len)
    numbers = [int(told.rpartition("-")[2]) for told in longest]
    assert numbers == list(range(1, len(numbers) + 1))
    for told in readers.told:
        assert told == longest[: len(told)]


def _push(work: Work) -> None:
    work.commit(config("true"))
    work.push()
