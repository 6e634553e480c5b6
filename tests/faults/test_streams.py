"""F10: services die under hundreds of readers, each of whom has every byte in the end, once."""

import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup

from tests.conftest import DatabaseUrl
from tests.faults.conftest import Install
from tests.faults.installation import Installation
from tests.system.server import Project, Server, Work, config
from tidemill.cli.resuming import step_log
from tidemill.contracts.gateway import PREFIX, Gateway
from tidemill.kit.connect import connect, http_client

pytestmark = pytest.mark.anyio

READERS, AT_ONCE, BLOCKS, BLOCK = 500, 50, 6, 20_000
#: After how many blocks which process dies; readers talk to the front, which reads from the store.
KILLED = {2: "front", 4: "store"}
#: What a shell or systemd allows a process at first; the gateway has to ask for more.
OPEN_FILES = 1024
DEADLINE = 240.0


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """Readers have to do with the gateway, not with what is behind it."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


class Readers:
    """Everybody who follows the log, as `tidemill log get --follow` does."""

    def __init__(self, gateway: Gateway, project: Project, task: str) -> None:
        self.logs = [bytearray() for _ in range(READERS)]
        self._gateway = gateway
        self._project = project
        self._task = task
        self._grown = anyio.Event()

    async def start(self, group: TaskGroup) -> None:
        """Come a few at a time: who has never had an answer gives up at the first refusal."""
        for first in range(0, READERS, AT_ONCE):
            for log in self.logs[first : first + AT_ONCE]:
                group.start_soon(self._follow, log)
            await self._have(1, self.logs[first : first + AT_ONCE])

    async def have(self, size: int) -> None:
        """Wait until each has read so much."""
        await self._have(size, self.logs)

    async def _have(self, size: int, logs: Sequence[bytearray]) -> None:
        while any(len(log) < size for log in logs):
            await self._grown.wait()

    async def _follow(self, log: bytearray) -> None:
        blocks = step_log(self._gateway, self._project.path, 1, self._task, step=0, follow=True, attempt=0)
        async for block in blocks:
            log += block
            self._grown.set()
            self._grown = anyio.Event()


@pytest.fixture
def gates(tmp_path: Path) -> list[Path]:
    """Files that the task waits for, one before each block of its log."""
    return [tmp_path / f"gate{number}" for number in range(BLOCKS)]


@pytest.fixture
def usual_limits() -> Iterator[None]:
    """Processes are started with as many open files as is usual."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def installed(
    usual_limits: None, install: Install, tmp_path: Path, gates: list[Path]
) -> Iterator[tuple[Installation, Project]]:
    """An installation with a task at work that prints a block at each gate."""
    installation = install()
    installation.executor()
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    words = [f"wait {gate}\nflood {BLOCK}\necho block {number}" for number, gate in enumerate(gates)]
    work.commit(config("\n".join(words)))
    work.push()
    return installation, project


async def test_services_are_killed_under_their_readers(
    installed: tuple[Installation, Project], gates: list[Path]
) -> None:
    """Five hundred readers, a gateway and a runservice die: all go on at their offset, and miss or repeat nothing."""
    installation, project = installed
    (task,) = project.run(1)["tasks"]
    async with http_client(installation.front.url) as http:
        http.headers["Authorization"] = f"token {project.user.token}"
        readers = Readers(connect(Gateway, http, PREFIX), project, task)
        with anyio.fail_after(DEADLINE):
            async with anyio.create_task_group() as group:
                gates[0].touch()
                await readers.start(group)
                for number, gate in enumerate(gates):
                    gate.touch()
                    if number in KILLED:
                        await readers.have(number * BLOCK)
                        victim: Server = getattr(installation, KILLED[number])
                        victim.kill()
                        await anyio.to_thread.run_sync(victim.start)
    whole = await anyio.to_thread.run_sync(project.log, 1, "task", 0)
    assert len(whole) == BLOCKS * (BLOCK + len("block 0\n"))
    assert [bytes(log) == whole for log in readers.logs] == [True] * READERS
    await anyio.to_thread.run_sync(project.finished, 1)
    await anyio.to_thread.run_sync(installation.settled)
