"""A push becomes a run with a live log."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.server import Project, Work, config

GRAPH = {
    "runs": [
        {
            "name": "graph",
            "tasks": [
                {"name": "first", "runtime": {"type": "host"}, "steps": [{"run": "echo one"}]},
                {
                    "name": "broken",
                    "runtime": {"type": "host"},
                    "steps": [{"run": "exit 3"}, {"run": "echo never"}],
                    "ignore_failure": True,
                },
                {
                    "name": "second",
                    "runtime": {"type": "host"},
                    "steps": [{"clone": {}}, {"run": "cat hello.txt"}],
                    "depends": ["first"],
                },
                {
                    "name": "mender",
                    "runtime": {"type": "host"},
                    "steps": [{"run": "echo mended"}],
                    "depends": [{"task": "broken", "conditions": ["on_failure"]}],
                },
                {
                    "name": "left",
                    "runtime": {"type": "host"},
                    "steps": [{"run": "true"}],
                    "depends": ["broken"],
                },
            ],
        }
    ]
}


def test_a_push_becomes_a_run(work: Work) -> None:
    """The pusher sees number and URL; the run ends with success and its log is there."""
    work.commit(config("echo hello from $TIDEMILL_GIT_BRANCH; test $CI = true"))
    output = work.push()
    assert "#1" in output
    assert f"{work.project.ref}/runs/1" in output
    run = work.project.finished(1)
    assert (run["phase"], run["result"]) == ("finished", "success")
    assert work.project.log(1, "task", 0) == b"hello from main\r\n"


def test_a_graph_is_followed(work: Work) -> None:
    """Conditions decide what runs; a clone step brings the commit of a private project."""
    work.commit({".tidemill/config.yml": json.dumps(GRAPH), "hello.txt": "content\n"})
    work.push()
    run = work.project.finished(1)
    statuses = {task["name"]: task["status"] for task in run["tasks"].values()}
    assert statuses == {
        "first": "success",
        "broken": "failed",
        "second": "success",
        "mender": "success",
        "left": "skipped",
    }
    assert run["result"] == "success"
    assert work.project.log(1, "second", 1) == b"content\r\n"


def test_a_clone_shows_no_credential(work: Work) -> None:
    """The clone step's log holds neither token nor header."""
    work.commit(config("true", steps=[{"clone": {}}, {"run": "git config --list; env"}]))
    work.push()
    assert work.project.finished(1)["result"] == "success"
    for step in (0, 1):
        log = work.project.log(1, "task", step).lower()
        assert b"authorization" not in log
        assert b"extraheader" not in log


def test_a_tag_makes_a_run(work: Work) -> None:
    """A pushed annotated tag runs its commit with the tag's variables."""
    work.commit(config("echo $AGOLA_GIT_TAG/$AGOLA_GIT_BRANCH/$AGOLA_GIT_REF_TYPE"))
    work.git("tag", "-a", "-m", "a tag", "v1")
    work.git("push", "-q", "origin", "v1")
    run = work.project.finished(1)
    assert run["annotations"]["tag"] == "v1"
    assert work.project.log(1, "task", 0) == b"v1//tag\r\n"


def test_a_wrong_configuration_becomes_a_setup_error(work: Work) -> None:
    """The run's error names file, line and column, and the pusher sees it."""
    work.commit(
        {
            ".tidemill/config.yml": "runs:\n  - name: a\n    tasks:\n      - name: t\n        runtime: {type: hots}\n"
        }
    )
    output = work.push()
    run = work.project.run(1)
    assert run["phase"] == "setuperror"
    assert ".tidemill/config.yml:5:" in run["setup_errors"][0]
    assert ".tidemill/config.yml:5:" in output


def test_no_configuration_is_said(work: Work) -> None:
    """A repository without a configuration makes no run; pusher and record say why."""
    work.commit({"README": "nothing here\n"})
    output = work.push()
    assert ".tidemill/config" in output
    assert work.project.runs() == []
    (record,) = work.project.user.get(f"{work.project.ref}/pushes")["pushes"]
    assert ".tidemill/config" in json.dumps(record)


def test_agola_projects_run(work: Work) -> None:
    """Without a .tidemill directory the configuration of .agola is used."""
    work.commit({".agola/config.yml": config("echo agola")[".tidemill/config.yml"]})
    work.push()
    assert work.project.finished(1)["result"] == "success"


def test_a_deleted_branch_makes_no_run(work: Work) -> None:
    """Deleting a branch is not a push of anything."""
    work.commit(config("true"))
    work.push()
    work.push("topic")
    work.git("push", "-q", "origin", ":refs/heads/topic")
    assert {run["annotations"]["branch"] for run in work.project.runs()} == {"main", "topic"}
    assert len(work.project.runs()) == 2


def test_a_follower_reads_while_the_step_runs(work: Work, gate: Path) -> None:
    """The first line arrives while the step still waits for what the reader of that line does."""
    work.commit(config(f"echo first; until [ -e {gate} ]; do sleep 0.05; done; echo last"))
    work.push()
    received = b""
    for block in work.project.log_blocks(1, "task", 0):
        received += block
        if received == b"first\r\n":
            gate.touch()
    assert received == b"first\r\nlast\r\n"


def test_a_run_is_stopped(work: Work, new_project: Callable[[], Project]) -> None:
    """Stopping kills the whole process tree, also children in sessions of their own."""
    work.commit(config("setsid sleep 300 & sleep 300"))
    work.push()
    for state in work.project.states(1):
        if any(t["status"] == "running" for t in state["tasks"].values()):
            break
    answer = work.project.user.put(f"{work.project.ref}/runs/1/actions", {"action_type": "stop"})
    assert answer.status_code == 200
    run = work.project.finished(1)
    assert run["result"] == "stopped"


def test_runs_of_a_branch_wait_for_each_other(work: Work) -> None:
    """One run of a group is running at a time, in the order of the pushes."""
    for i in range(3):
        work.commit(config(f"echo {i}"), f"change {i}")
        work.push()
    ends = [work.project.finished(number) for number in (1, 2, 3)]
    for earlier, later in itertools.pairwise(ends):
        assert earlier["end_time"] <= later["start_time"]


def test_a_restart_makes_a_new_run(work: Work) -> None:
    """A failed run is restarted from its failed tasks; the others keep their logs."""
    tasks = json.loads(config("echo kept")[".tidemill/config.yml"])
    tasks["runs"][0]["tasks"].append(
        {"name": "bad", "runtime": {"type": "host"}, "steps": [{"run": "exit 1"}]}
    )
    work.commit({".tidemill/config.yml": json.dumps(tasks)})
    work.push()
    assert work.project.finished(1)["result"] == "failed"
    answer = work.project.user.put(f"{work.project.ref}/runs/1/actions", {"action_type": "restart"})
    assert answer.json()["number"] == 2
    run = work.project.finished(2)
    assert run["result"] == "failed"
    first = {t["name"]: t["id"] for t in work.project.run(1)["tasks"].values()}
    second = {t["name"]: t["id"] for t in run["tasks"].values()}
    assert first["task"] == second["task"]
    assert first["bad"] != second["bad"]
    assert work.project.log(2, "task", 0) == b"kept\r\n"


@pytest.mark.parametrize("branch", ["feature/x", "ünï"])
def test_branches_of_any_name(work: Work, branch: str) -> None:
    """A slash or a letter beyond ASCII in a branch's name changes nothing."""
    work.commit(config("true"))
    work.push(branch)
    run = work.project.finished(1)
    assert run["result"] == "success"
    assert run["annotations"]["branch"] == branch
