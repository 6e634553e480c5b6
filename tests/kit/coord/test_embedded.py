"""The embedded coordinator's data directory: one process at a time, and one that can be."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.things import refused
from tidemill.errors import BadRequest, Conflict
from tidemill.kit.coord.embedded import EmbeddedCoordinator

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the coordinator at *path* open."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tidemill.kit.coord.embedded import EmbeddedCoordinator\n"
        "asyncio.run(EmbeddedCoordinator.open(Path(sys.argv[1])))\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Only one process may use a data directory, and the other is told which and what to do."""
    path = tmp_path / "coord.db"
    with another_process(path) as process:
        error = await refused(EmbeddedCoordinator.open(path))
    assert isinstance(error, Conflict)
    assert error.code == "dataDirectoryInUse"
    assert f"pid {process.pid}" in str(error)
    assert str(tmp_path) in str(error)
    await (await EmbeddedCoordinator.open(path)).close()


async def test_a_data_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A path that leads through a file is the user's mistake, told with the path."""
    (tmp_path / "file").write_text("")
    error = await refused(EmbeddedCoordinator.open(tmp_path / "file" / "coord.db"))
    assert isinstance(error, BadRequest)
    assert str(tmp_path / "file") in str(error)
