"""Two executors with labels of their own: tasks go where they suit, and one is drained under load."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.server import TIDEMILL, Server, Work

TOKEN = {"TIDEMILL_SERVICE_TOKEN": "between-services"}
LABELS = {"left": "side=left", "right": "side=right,gpu=a100"}
PLAIN = [f"plain{i}" for i in range(8)]
SECONDS = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server without an executor, and two executors that work for it."""
    components = "configstore,runservice,gitserver,gateway,scheduler"
    running = Server(tmp_path / "data", components=components, environment=TOKEN).start()
    executors = [
        Server(
            tmp_path / name,
            components="executor",
            environment=TOKEN
            | {
                "TIDEMILL_RUNSERVICE_URL": running.url,
                "TIDEMILL_EXECUTOR_NAME": name,
                "TIDEMILL_EXECUTOR_LABELS": labels,
                "TIDEMILL_EXECUTOR_SLOTS": "2",
            },
        ).start()
        for name, labels in LABELS.items()
    ]
    yield running
    for executor in executors:
        executor.stop()
        executor.clear_away()
    running.stop()


def configuration(*labelled: str) -> dict[str, str]:
    """One run of plain tasks, and of a task for each of these labels."""

    def task(name: str, **runtime: Any) -> dict[str, Any]:
        return {
            "name": name,
            "runtime": {"type": "host", **runtime},
            "steps": [{"run": {"name": "step", "command": "sleep 0.3"}}],
        }

    tasks = [task(name) for name in PLAIN] + [task(name, labels=[name]) for name in labelled]
    return {".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})}


def executor(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`tidemill executor …` as the administrator."""
    return subprocess.run(
        [TIDEMILL, "executor", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "TIDEMILL_GATEWAY_URL": server.url,
            "TIDEMILL_TOKEN": server.admin_token,
        },
    )


def until(work: Work, number: int, **statuses: str) -> None:
    """Until tasks of a run have these statuses."""
    for state in work.project.states(number):
        now = {task["name"]: task["status"] for task in state["tasks"].values()}
        if statuses.items() <= now.items():
            return
    raise AssertionError(f"run {number} ended without {statuses}")


def test_labels_and_a_drain_under_load(server: Server, tmp_path: Path) -> None:
    """A drained executor finishes what it has while the other goes on; what suits nobody waits, and says why."""
    work = Work(tmp_path / "work", server.user("alice").project("hello"))
    work.commit(configuration("gpu"))
    work.push()
    until(work, 1, plain0="running")
    drained = executor(server, "drain", "left", "--wait", "--reason", "a new kernel")
    assert drained.returncode == 0, drained.stderr
    assert drained.stdout.splitlines()[-1] == "left is drained"
    listed = {one["name"]: one for one in json.loads(executor(server, "list", "-o", "json").stdout)}
    assert (listed["left"]["jobs"], listed["left"]["wanted_reason"]) == (0, "a new kernel")
    assert work.project.finished(1)["result"] == "success"

    assert executor(server, "pause", "right").stdout == "right is paused\n"
    work.commit(configuration("gpu", "tpu"))
    work.push()
    explained = work.project.user.get(f"{work.project.ref}/runs/2/explain")
    said = {task["name"]: task["task"]["sentence"] for task in explained["tasks"]}
    assert said["plain0"] == "waiting: all executors that take `host` tasks are draining"
    assert said["tpu"] == (
        "waiting: no live executor has label `tpu`; "
        "2 executors are online with labels gpu=a100, side=left, side=right"
    )
    assert executor(server, "resume", "left").stdout == "left is working\n"
    until(work, 2, **dict.fromkeys(PLAIN, "success"), gpu="notstarted", tpu="notstarted")
    executor(server, "resume", "right")
    until(work, 2, gpu="success", tpu="notstarted")

    refused = executor(server, "delete", "left")
    assert (refused.returncode, refused.stderr) == (
        1,
        "tidemill: executor left is online; drain it and stop it first\n",
    )
    assert "left" in executor(server, "list").stdout
    assert "labels: side=left" in executor(server, "show", "left").stdout
