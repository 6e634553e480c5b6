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
SHORT = {"TIDEMILL_RUNSERVICE_EXECUTOR_LEASE": "2", "TIDEMILL_RUNSERVICE_EXECUTOR_GRACE": "1"}
LONG = {"TIDEMILL_RUNSERVICE_EXECUTOR_LEASE": "60"}
TICKER = "echo begun; while :; do echo tick; sleep 0.05; done & sleep {marker}"
DEADLINE = 30


@pytest.fixture
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server]]:
    """A server without an executor, and an executor that works for it."""
    server = Server(
        tmp_path / "data",
        components="configstore,runservice,gitserver,gateway,scheduler",
        environment=TOKEN | request.param,
    ).start()
    executor = Server(
        tmp_path / "executor",
        components="executor",
        environment=TOKEN | {"TIDEMILL_RUNSERVICE_URL": server.url},
    ).start()
    yield server, executor
    executor.signal(signal.SIGCONT)
    executor.stop()
    executor.clear_away()
    server.stop()


@pytest.mark.parametrize("pair", [SHORT], ids=["short"], indirect=True)
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


@pytest.mark.parametrize("pair", [LONG], ids=["long"], indirect=True)
@pytest.mark.parametrize("is_killed", [True, False])
def test_an_executor_that_is_ended_finds_its_tasks_again(
    pair: tuple[Server, Server], tmp_path: Path, gate: Path, is_killed: bool
) -> None:
    """Tasks go on while their executor is away, also to the end of a step; the next one goes on with them."""
    server, executor = pair
    work = Work(tmp_path / "work", server.user("alice").project("hello"))
    steps = [
        {"run": f"echo begun; until [ -e {gate} ]; do sleep 0.05; done; echo $((6 * 7)) passed"},
        {"run": "echo second"},
    ]
    work.commit(config("", steps=steps))
    work.push()
    for block in work.project.log_blocks(1, "task", 0):
        if b"begun" in block:
            break
    if is_killed:
        executor.kill()
    else:
        assert executor.stop() == 0
    assert work.project.run(1)["phase"] == "running"
    gate.touch()
    wait_for(lambda: printed(executor, b"42 passed"), "the step goes on without its executor")
    executor.start()
    assert work.project.finished(1)["result"] == "success"
    assert work.project.log(1, "task", 0) == b"begun\r\n42 passed\r\n"
    assert work.project.log(1, "task", 1) == b"second\r\n"


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until *condition* holds."""
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        pause.wait(0.05)


def printed(executor: Server, text: bytes) -> bool:
    """Whether a pod's files have *text*, which a step has printed."""
    pods = executor.data / "executor" / "pods"
    return any(text in path.read_bytes() for path in pods.rglob("*") if path.is_file())


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
