"""`tidemill demo`: everything from nothing, and nothing left of it."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Tidemill, completed, process
from tests.system.server import config


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Where the demo puts its data."""
    made = tmp_path / "room"
    made.mkdir()
    return made


def repository(directory: Path, command: str) -> Path:
    """A repository with one commit and one host task."""
    directory.mkdir()
    for name, text in config(command).items():
        (directory / name).parent.mkdir(parents=True)
        (directory / name).write_text(text)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, timeout=30)
    return directory


def left(room: Path) -> list[str]:
    """Files in the room, and processes that know it."""
    found = [str(path) for path in room.iterdir()]
    for running in Path("/proc").glob("[0-9]*"):
        try:
            line = (running / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if os.fsencode(room) in line:
            found.append(line.replace(b"\0", b" ").decode())
    return found


def demo(room: Path, repository: Path) -> Answer:
    return completed("demo", "--repository", str(repository), environment={"TMPDIR": str(room)})


def test_a_run_that_succeeds(room: Path, tmp_path: Path) -> None:
    """The demo exits 0 with push, lines, summary and figures, and leaves nothing behind."""
    answer = demo(room, repository(tmp_path / "work", "echo hello"))
    assert (answer.code, answer.err) == (0, "")
    for part in ("Ready after ", "Created user demo", "new branch", "task | hello", "run #1: success"):
        assert part in answer.out
    assert re.search(r"success +task .* step$", answer.out, re.MULTILINE)
    assert re.search(r"push received -> first step +\d", answer.out)
    assert re.search(r"last step -> run finished +\d", answer.out)
    assert left(room) == []


def test_a_run_that_fails(room: Path, tmp_path: Path) -> None:
    """The demo of a failing run exits 1, with the summary, and leaves nothing behind."""
    answer = demo(room, repository(tmp_path / "work", "exit 3"))
    assert (answer.code, answer.err) == (1, "")
    assert "run #1: failed" in answer.out
    assert left(room) == []


def test_a_demo_that_is_ended(room: Path, tmp_path: Path) -> None:
    """SIGTERM, which is made a Ctrl-C, takes the server and its tasks down too."""
    work = repository(tmp_path / "work", "echo begun; exec sleep 300")
    started = process("demo", "--repository", str(work), environment={"TMPDIR": str(room)})
    assert started.stdout
    assert "task | begun\n" in iter(started.stdout.readline, "")
    assert left(room)
    started.send_signal(signal.SIGTERM)
    _, err = started.communicate(timeout=30)
    assert (started.returncode, err) == (130, "")
    assert left(room) == []


def test_a_place_without_a_repository(tidemill: Tidemill, tmp_path: Path) -> None:
    """Where there is no commit, and where there is no directory, one line says so."""
    for place in (tmp_path, tmp_path / "nowhere"):
        answer = tidemill("demo", "--repository", str(place))
        assert answer.code == 1
        assert f"{place} has no commit to push" in answer.complaint


def test_a_repository_without_a_configuration(room: Path, tmp_path: Path) -> None:
    """Where nothing would run, one line says what is missing, and nothing is left behind."""
    work = repository(tmp_path / "work", "true")
    subprocess.run(["git", "mv", ".tidemill", "other"], cwd=work, check=True, timeout=30)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    subprocess.run(["git", *identity, "commit", "-q", "-m", "two"], cwd=work, check=True, timeout=30)
    answer = demo(room, work)
    assert answer.code == 1
    (line,) = answer.err.splitlines()
    assert ".tidemill/config" in line
    assert left(room) == []
