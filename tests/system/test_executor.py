"""An executor in a process of its own may go silent, come back, and be refused."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.server import Server, Work, config

SETTINGS = {"TIDEMILL_RUNSERVICE_EXECUTOR_LEASE": "2", "TIDEMILL_RUNSERVICE_EXECUTOR_GRACE": "1"}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A server without an executor, and an executor that works for it."""
    server = Server(
        tmp_path / "data",
        components="configstore,runservice,gitserver,gateway,scheduler",
        environment=SETTINGS,
    ).start()
    executor = Server(
        tmp_path / "executor", components="executor", environment={"TIDEMILL_RUNSERVICE_URL": server.url}
    ).start()
    yield server, executor
    executor.signal(signal.SIGCONT)
    executor.stop()
    server.stop()


def test_a_silent_executor_loses_its_job(pair: tuple[Server, Server], tmp_path: Path) -> None:
    """SIGSTOP past the lease: the task is lost and the run fails; SIGCONT: the zombie is fenced and its
    process killed, and the next push runs on the same executor."""
    server, executor = pair
    work = Work(tmp_path / "work", server.user("alice").project("hello"))
    marker = f"86{executor.pid}"  # a sleep that can be found by its argument
    work.commit(config(f"echo begun; sleep {marker}"))
    work.push()
    for block in work.project.log_blocks(1, "task", 0):
        if b"begun" in block:
            break
    assert processes(marker)

    executor.signal(signal.SIGSTOP)
    run = work.project.finished(1)
    assert run["result"] == "failed"
    (task,) = run["tasks"].values()
    assert task["status"] == "failed"

    executor.signal(signal.SIGCONT)
    work.commit(config("echo next"))
    work.push()
    assert work.project.finished(2)["result"] == "success"
    assert not processes(marker)
    log = executor.log.read_text()
    assert "fenced" in log


def processes(marker: str) -> list[int]:
    """Live processes with *marker* among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
