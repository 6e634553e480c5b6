"""One running server per module, and what a test wants of it."""

import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from tests.system.server import Project, Server, User, Work


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The whole system in one process, shared by a module's tests."""
    running = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    assert running.stop() == 0
    running.clear_away()


@pytest.fixture(scope="module")
def alice(server: Server) -> User:
    return server.user("alice")


@pytest.fixture(scope="module")
def new_project(alice: User) -> Callable[[], Project]:
    """Makes projects with names of their own."""
    numbers = count(1)
    return lambda: alice.project(f"project{next(numbers)}")


@pytest.fixture
def work(tmp_path: Path, new_project: Callable[[], Project]) -> Work:
    """A work tree of a fresh project."""
    return Work(tmp_path / "work", new_project())


@pytest.fixture
def gate() -> Iterator[Path]:
    """A file that does not exist yet, where a sandboxed step can see it appear."""
    path = Path(sys.prefix) / f"gate-{uuid4()}"  # the server's environment is bound into every sandbox
    yield path
    path.unlink(missing_ok=True)
