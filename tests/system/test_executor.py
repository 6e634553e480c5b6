"""An executor in a process of its own may go silent, come back, and be refused."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.system.server import Server, Work, config

TOKEN = {"TIDEMILL_SERVICE_TOKEN": "between-services"}
SETTINGS = TOKEN | {"TIDEMILL_RUNSERVICE_EXECUTOR_LEASE": "2", "TIDEMILL_RUNSERVICE_EXECUTOR_GRACE": "1"}
TICKER = "echo begun; while :; do echo tick; sleep 0.05; done & sleep {marker}"
DEADLINE = 30


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A server without an executor, and an executor that works for it."""
    server = Server(
        tmp_path / "data",
        components="configstore,runservice,gitserver,gateway,scheduler",
        environment=SETTINGS,
    ).start()
    executor = Server(
        tmp_path / "executor",
        components="executor",
        environment=TOKEN | {"TIDEMILL_RUNSERVICE_URL": server.url},
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
    work.commit(config(TICKER.format(marker=marker)))
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
    log = work.project.log(1, "task", 0)
    answer = append(server, executor)
    assert (answer.status_code, answer.json()[0]["code"]) == (409, "fenced")

    executor.signal(signal.SIGCONT)
    work.commit(config("echo next"))
    work.push()
    assert work.project.finished(2)["result"] == "success"
    wait_for(lambda: not processes(marker), "the zombie's process is killed")
    wait_for(lambda: "fenced" in executor.log.read_text(), "the executor says why it killed a job")
    assert work.project.log(1, "task", 0) == log


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until *condition* holds."""
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        pause.wait(0.05)


def append(server: Server, executor: Server) -> httpx2.Response:
    """What the executor would send as the next bytes of its only job's log."""
    (job,) = (executor.data / "executor" / "jobs").iterdir()
    job_id, _, generation = job.name.rpartition(".")
    return httpx2.post(
        f"{server.url}/internal/runservice/jobs/{job_id}/log",
        params={"generation": generation, "step": 0, "offset": 0},
        content=b"from beyond",
        headers={"Authorization": f"Bearer {TOKEN['TIDEMILL_SERVICE_TOKEN']}"},
        timeout=10,
    )


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
