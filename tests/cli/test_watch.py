"""Following a run: what a view is given, a server that goes and comes back, and Ctrl-C."""

import signal
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import process
from tests.system.server import Server, User, Work, config
from tidemill.cli.watch import _lines, state_of
from tidemill.contracts.gateway.runs import RunResponse


def watching(work: Work) -> "subprocess.Popen[str]":
    """A `run watch` that has seen the run's first line."""
    environment = {
        "TIDEMILL_GATEWAY_URL": work.project.user.server.url,
        "TIDEMILL_TOKEN": work.project.user.token,
    }
    started = process("run", "watch", work.project.path, "1", environment=environment)
    assert started.stdout
    assert "task | begun\n" in iter(started.stdout.readline, "")
    return started


def rest(watcher: "subprocess.Popen[str]") -> list[str]:
    """The lines that it goes on to print; what has been read ahead of them is not forgotten."""
    assert watcher.stdout
    assert watcher.stderr
    late = threading.Timer(30, watcher.kill)
    late.start()
    with watcher.stdout, watcher.stderr:
        lines = watcher.stdout.read().splitlines()
        assert watcher.stderr.read() == ""
    watcher.wait(30)
    late.cancel()
    return lines


def test_ctrl_c_leaves_quietly(alice: User, tmp_path: Path) -> None:
    """Ctrl-C during `run watch` exits 130 and prints nothing; the run goes on."""
    work = Work(tmp_path / "work", alice.project("interrupted"))
    work.commit(config("echo begun; exec sleep 300"))
    work.push()
    watcher = watching(work)
    watcher.send_signal(signal.SIGINT)
    assert watcher.communicate(timeout=30) == ("", "")
    assert watcher.returncode == 128 + signal.SIGINT
    assert work.project.run(1)["phase"] == "running"
    alice.put(f"{work.project.ref}/runs/1/actions", {"action_type": "stop"})
    assert work.project.finished(1)["result"] == "stopped"


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_watcher_outlives_the_server(server: Server, alice: User, tmp_path: Path, is_killed: bool) -> None:
    """A watcher connects again to a server that was restarted: each line is shown once, and the end too."""
    work = Work(tmp_path / "work", alice.project(f"restarted{is_killed}"))
    work.commit(config("echo begun; for i in $(seq 30); do echo tick $i; sleep 0.1; done"))
    work.push()
    watcher = watching(work)
    if is_killed:
        server.kill()
    else:
        server.stop()
    server.start()
    assert work.project.finished(1)["result"] == "success"
    lines = rest(watcher)
    assert watcher.returncode == 0
    assert "run #1 run: the server does not answer, trying again" in lines
    assert [line for line in lines if " | " in line] == [f"task | tick {number}" for number in range(1, 31)]
    assert lines[-1] == "run #1 run: success"


def test_a_state_is_inert() -> None:
    """Names, reasons and errors of a run reach no view with what could move a terminal."""
    task = {
        "id": "1",
        "name": "\x1b[31mt\u202e",
        "status": "failed",
        "level": 2,
        "depends": {"0": {"task_id": "0"}},
        "reason": "lost\x07",
        "start_time": "2026-07-30T12:00:00Z",
        **dict.fromkeys(("timedout", "waiting_approval", "approved"), False),
        **dict.fromkeys(("approval_annotations", "end_time")),
        "task_timeout_interval": 0,
    }
    run = {
        "number": 3,
        "name": "\x1b]8;;x\x07r",
        "annotations": {},
        "phase": "finished",
        "result": "failed",
        "setup_errors": ["bad\x1b[2J"],
        "tasks": {"1": task},
        "tasks_waiting_approval": [],
        **dict.fromkeys(("stopping", "can_restart_from_scratch", "can_restart_from_failed_tasks"), False),
        **dict.fromkeys(("enqueue_time", "start_time", "end_time")),
    }
    state = state_of(msgspec.convert(run, RunResponse))
    assert (state.name, state.errors, state.is_final, state.verdict) == ("r", ("bad",), True, "failed")
    (only,) = state.tasks
    assert (only.name, only.note, only.needs, only.level) == ("t", "lost", ("0",), 2)
    assert only.started_at is not None
    assert only.ended_at is None


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 3, 100])
async def test_lines_do_not_depend_on_blocks(size: int) -> None:
    """Lines are whole however they arrive, the last one without an end too."""
    text = b"one\r\ntwo\n\nthree"

    async def blocks() -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    assert [line async for line in _lines(blocks())] == [b"one", b"two", b"", b"three"]
