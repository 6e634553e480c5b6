"""F19: what is left behind is found; every other test of processes looks for it at its end."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.leftovers import complaints


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """The data directory of an executor that has nothing to do."""
    (tmp_path / "executor" / "jobs").mkdir(parents=True)
    (tmp_path / "executor" / "pods").mkdir()
    (tmp_path / "executor" / "id").write_text("id")
    (tmp_path / "executor.lock").touch()
    return tmp_path


def test_what_belongs_there_is_no_leftover(clean: Path) -> None:
    assert list(complaints(clean)) == []


@pytest.mark.parametrize("name", ["executor/jobs/a.1", "executor/pods/a.1", "executor/pods/.warm-x"])
def test_a_directory_is_found(clean: Path, name: str) -> None:
    """Of a job, of a pod, of a pod that was made ahead."""
    (clean / name).mkdir()
    assert list(complaints(clean)) == [f"{clean / name} is left"]


@pytest.mark.parametrize("is_argument", [True, False])
def test_a_process_is_found(clean: Path, is_argument: bool) -> None:
    """By its arguments, or by its environment."""
    program = [sys.executable, "-c", "input()", *([str(clean)] if is_argument else [])]
    environment = {} if is_argument else {"TIDEMILL_POD": str(clean)}
    with subprocess.Popen(program, stdin=subprocess.PIPE, env=environment) as process:
        assert [line.split(":")[0] for line in complaints(clean)] == [f"process {process.pid} is left"]
        process.communicate(b"\n")
    assert list(complaints(clean)) == []


def test_a_socket_is_found(clean: Path) -> None:
    """Also when its file is gone."""
    path = clean / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.unlink()
        assert any(line.startswith("a socket is left") for line in complaints(clean))
