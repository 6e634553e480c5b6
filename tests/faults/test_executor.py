"""F1 to F4: an executor dies, stands still, or comes back when nobody waits for it any more (host driver)."""

import json
import random
import signal
from pathlib import Path

import pytest

from tests.conftest import DatabaseUrl
from tests.faults.conftest import Install
from tests.faults.installation import SEED, eventually
from tests.faults.leftovers import processes_of
from tests.faults.tally import Tally
from tests.system.server import Project, Server, Work, config

LINES = 80
SAYING = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); sleep 0.05; done"
SAID = "".join(f"line {i}\r\n" for i in range(LINES)).encode()
LEASE, GRACE = 2.0, 0.5


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """What an executor survives is not the database's business."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


def read_until(project: Project, number: int, task: str, text: bytes) -> bytes:
    """Follow the log of a task's first step until it has *text*."""
    read = b""
    for block in project.log_blocks(number, task, 0):
        read += block
        if text in read:
            return read
    raise AssertionError(f"the log of {task} ended without {text!r}: {read!r}")


def test_an_executor_killed_within_its_lease_goes_on(install: Install, tally: Tally, tmp_path: Path) -> None:
    """F1: killed at random lines and started again: each step is executed once, each byte stands once."""
    installation = install()
    executor = installation.executor("host")
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    steps = [{"run": f"{tally.call('first')}; {SAYING}"}, {"run": f"{tally.call('second')}; echo done"}]
    work.commit(config("", steps=steps))
    work.push()
    for line in sorted(random.Random(SEED).sample(range(LINES - 5), 3)):
        read = read_until(project, 1, "task", f"line {line}\r\n".encode())
        executor.kill()
        executor.start()
        assert project.log(1, "task", 0).startswith(read)
    assert project.finished(1)["result"] == "success"
    assert project.log(1, "task", 0) == SAID
    assert project.log(1, "task", 1) == b"done\r\n"
    assert tally.counts == {"first": 1, "second": 1}
    installation.settled()


@pytest.mark.parametrize("fault", ["killed", "stopped"])
def test_an_executor_beyond_its_lease_loses_its_tasks(
    install: Install, tally: Tally, gate: Path, tmp_path: Path, fault: str
) -> None:
    """F2, F3, F4: silent for twice its lease, its tasks are lost, and tried again elsewhere if they may be.

    When it comes back, what it still does is killed, and nothing that it tells is heard.
    """
    installation = install(lease=LEASE, grace=GRACE)
    first = installation.executor("host")
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    work.commit(two_tasks(tally, gate))
    work.push()
    for task in ("plain", "retried"):
        read_until(project, 1, task, b"begun\r\n")
    installation.executor("host")
    installation.start()

    if fault == "killed":
        first.kill()
    else:
        first.signal(signal.SIGSTOP)
    eventually(lambda: tally.counts["retried"] == 2, "the task is tried again")
    gate.touch()  # now the first attempt could end as well, if anybody would hear of it
    run = project.finished(1)
    tasks = {task["name"]: task for task in run["tasks"].values()}
    assert (run["result"], tasks["plain"]["status"]) == ("success", "failed")
    assert tasks["retried"]["status"] == "success"
    assert tally.counts == {"plain": 1, "retried": 2}
    before = {task: attempt_log(project, task, 1) for task in tasks}
    assert processes_of(first.data)

    if fault == "killed":
        first.start()
    else:
        first.signal(signal.SIGCONT)
    eventually(lambda: "fenced" in first.log.read_text(), "it is told that its jobs are not its own")
    eventually(lambda: not busy(first), "what it still did is killed")
    assert {task: attempt_log(project, task, 1) for task in tasks} == before
    assert attempt_log(project, "retried", 2) == b"begun\r\nended\r\n"
    assert tally.counts == {"plain": 1, "retried": 2}

    work.commit(config("echo next"))
    work.push()
    assert project.finished(2)["result"] == "success"
    installation.settled()


def two_tasks(tally: Tally, gate: Path) -> dict[str, str]:
    """A task that never ends by itself, and one that waits at a gate and may be tried again when it is lost."""
    commands = {"plain": "sleep 600", "retried": f"until [ -e {gate} ]; do sleep 0.05; done; echo ended"}
    retries = {"plain": 1, "retried": {"attempts": 2, "on": ["lost"]}}
    tasks = [
        {
            "name": name,
            "runtime": {"type": "host"},
            "retry": retries[name],
            "ignore_failure": name == "plain",  # a run that has failed would try nothing again
            "steps": [{"run": f"{tally.call(name)}; echo begun; {command}"}],
        }
        for name, command in commands.items()
    ]
    return {".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})}


def attempt_log(project: Project, task: str, attempt: int) -> bytes:
    """The log of a task's first step in one of its attempts."""
    (task_id,) = [one["id"] for one in project.run(1)["tasks"].values() if one["name"] == task]
    answer = project.user.request(
        "GET", f"{project.ref}/runs/1/tasks/{task_id}/logs", step=0, attempt=attempt
    )
    assert answer.status_code == 200, answer.text
    return answer.content


def busy(server: Server) -> bool:
    """Whether tasks are at work below an executor's directory."""
    return any((server.data / "executor" / "pods").glob("[!.]*"))
