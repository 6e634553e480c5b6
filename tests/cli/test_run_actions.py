"""What can be done with runs on the command line: in terminals of a real size, and as JSON for programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tidemill
from tests.cli.terminal import in_terminal
from tests.system.server import Project, User, Work, config

HOST = {"type": "host"}
LONG = "a-task-with-a-name-that-is-longer-than-a-narrow-terminal"
WARNING = [
    {"name": "lint", "runtime": HOST, "ignore_failure": True, "steps": [{"run": "echo untidy; exit 3"}]},
    {
        "name": "unit",
        "runtime": HOST,
        "steps": [{"run": "exit 4", "ignore_failure": True}, {"run": "echo fine"}],
    },
    {"name": "after", "runtime": HOST, "depends": ["unit"], "steps": [{"run": "true"}]},
]
GATES = [
    {"name": "gate", "runtime": HOST, "approval": True, "steps": [{"run": "echo through"}]},
    {"name": LONG, "runtime": HOST, "approval": True, "steps": [{"run": "true"}]},
]

Json = Callable[..., Any]


def made(directory: Path, user: User, name: str, tasks: list[dict[str, Any]]) -> Project:
    """A project whose run 1 has these tasks."""
    work = Work(directory, user.project(name))
    work.commit({".tidemill/config.yml": json.dumps({"runs": [{"name": "check", "tasks": tasks}]})})
    work.push()
    return work.project


@pytest.fixture(scope="module")
def warned(tmp_path_factory: pytest.TempPathFactory, alice: User) -> Project:
    """A project whose run 1 has succeeded with two warnings."""
    project = made(tmp_path_factory.mktemp("warned"), alice, "warned", WARNING)
    project.finished(1)
    return project


@pytest.fixture
def json_of(tidemill: Tidemill) -> Json:
    """What a command answers with `-o json`."""

    def call(*words: str) -> Any:
        answer = tidemill(*words, "-o", "json")
        assert (answer.code, answer.err) == (0, "")
        return json.loads(answer.out)

    return call


def seen(user: User, *words: str, columns: int) -> list[str]:
    """What a person sees in a terminal that is so wide, of a command that succeeds."""
    environment = {"TIDEMILL_GATEWAY_URL": user.server.url, "TIDEMILL_TOKEN": user.token}
    code, lines = in_terminal(*words, columns=columns, environment=environment)
    assert code == 0, lines
    return lines


def test_a_warning_is_a_third_state(
    as_alice: User, warned: Project, tidemill: Tidemill, json_of: Json
) -> None:
    """Of a task and of a step; the run succeeds, with their number, in every command that shows it."""
    (listed,) = [
        line.split() for line in tidemill("run", "list", warned.path, "-o", "table").out.splitlines()[1:]
    ]
    assert listed[:6] == ["1", "check", "finished", "success,", "2", "warnings"]
    lines = tidemill("run", "get", warned.path, "1").out.splitlines()
    assert [line.split()[:2] for line in lines[4:]] == [
        ["lint", "warning"],
        ["unit", "success"],
        ["after", "success"],
    ]
    assert lines[5].endswith("  1 warning")
    watched = tidemill("run", "watch", warned.path, "1")
    assert watched.code == 0
    assert watched.out.splitlines()[-1] == "run #1 check: success, 2 warnings"
    run = json_of("run", "get", warned.path, "1")
    assert (run["result"], run["warnings"]) == ("success", 2)
    assert json_of("run", "list", warned.path)[0]["warnings"] == 2
    tasks = {task["name"]: task for task in run["tasks"].values()}
    assert (tasks["lint"]["status"], tasks["lint"]["warning"], tasks["unit"]["warnings"]) == (
        "failed",
        True,
        1,
    )
    assert "warning" not in tasks["after"]


def test_a_run_is_explained(as_alice: User, warned: Project, json_of: Json) -> None:
    """Sentences for people; codes and evidence for programs."""
    lines = seen(as_alice, "run", "explain", warned.path, "1", columns=60)
    assert lines[0].startswith("succeeded in ")
    assert lines[0].endswith("with 2 warnings: `lint` failed at step 1 with exit code 3")
    assert lines[1] == "  lint: it failed at step 1 with exit code 3; the run ignores it"
    assert lines[2] == "    step 1: failed: exit code 3"
    assert "    step 1: failed: exit code 4; the task ignores it" in lines
    assert f"    see: tidemill run log {warned.path} 1 --task lint --step 0" in lines
    found = json_of("run", "explain", warned.path, "1")
    assert (found["run"]["code"], found["run"]["evidence"]["warnings"]) == ("succeeded_with_warnings", "2")
    codes = {
        task["name"]: (task["task"]["code"], [s["code"] for s in task["steps"]]) for task in found["tasks"]
    }
    assert codes == {
        "lint": ("failed_ignored", ["failed"]),
        "unit": ("succeeded_with_warnings", ["failed_ignored", "succeeded"]),
        "after": ("succeeded", ["succeeded"]),
    }


def test_a_deletion_names_the_run_that_is_not_there(
    as_alice: User, warned: Project, tidemill: Tidemill
) -> None:
    """Several runs may be named; the complaint is about one of them."""
    answer = tidemill("run", "delete", warned.path, "98", "99")
    assert (answer.code, answer.out) == (1, "")
    assert answer.complaint == f"{warned.path} has no run #98; see: tidemill run list {warned.path}"


def test_a_deletion_says_what_is_gone(
    as_alice: User, tmp_path: Path, tidemill: Tidemill, json_of: Json
) -> None:
    """A log by its step and task, runs by their numbers; for programs as JSON."""
    work = Work(tmp_path, as_alice.project("deleted"))
    for number in (1, 2, 3):
        work.commit(config("echo said"))
        work.push()
        assert work.project.finished(number)["result"] == "success"
    path = work.project.path
    gone = tidemill("log", "delete", path, "1", "--step", "0")
    assert gone == (0, "", "log of step 0 of task task of run #1 deleted\n")
    setup = json_of("log", "delete", path, "1", "--setup")
    assert setup == {"run": 1, "task": "task", "step": None}
    assert tidemill("run", "delete", path, "1", "2") == (0, "run #1 deleted\nrun #2 deleted\n", "")
    assert json_of("run", "delete", path, "3") == {"deleted": [3]}
    assert json_of("run", "list", path) == []


def test_an_approval_that_is_not_enough_says_how_many_are(
    as_alice: User, tmp_path: Path, tidemill: Tidemill
) -> None:
    """The task waits for others then."""
    gate = GATES[0] | {"approval": {"approvers": 2}}
    project = made(tmp_path, as_alice, "two-gates", [gate])
    assert any(state["tasks_waiting_approval"] for state in project.states(1))
    said = tidemill("run", "approve", project.path, "1", "gate")
    assert said.out == "task gate of run #1 approved; it needs 2 approvals in all\n"


def test_chosen_tasks_are_restarted(
    as_alice: User, warned: Project, tidemill: Tidemill, json_of: Json
) -> None:
    """With `--task`, as often as wanted; what cannot be kept has to be chosen, and the answer says so."""
    refused = tidemill("run", "restart", warned.path, "1", "--task", "unit")
    assert refused.code == 1
    assert refused.complaint == "only what succeeded can be kept of run 1: choose 'lint' (failed) too"
    unknown = tidemill("run", "restart", warned.path, "1", "--task", "unti")
    assert unknown.complaint == "run 1 has no task 'unti'; there is unit"
    both = tidemill("run", "restart", warned.path, "1", "--task", "unit", "--from-failed")
    assert (both.code, both.complaint) == (2, "give --from-failed or --task, not both")
    before = {task["name"]: task["id"] for task in warned.run(1)["tasks"].values()}
    made = json_of("run", "restart", warned.path, "1", "--task", "after", "--task", "lint")
    after = {task["name"]: task["id"] for task in made["tasks"].values()}
    assert {name for name in after if after[name] == before[name]} == {"unit"}
    assert warned.finished(made["number"])["warnings"] == 2
    assert (made["restarted_from"], "restarted_from" in warned.run(1)) == (1, False)
    assert "\na restart of run #1\n" in tidemill("run", "get", warned.path, str(made["number"])).out
    said = tidemill("run", "explain", warned.path, str(made["number"])).out
    assert said.splitlines()[0].endswith(" (a restart of run #1)")
    explained = json_of("run", "explain", warned.path, str(made["number"]))
    assert {task["name"]: task["task"]["code"] for task in explained["tasks"]}["unit"] == "kept"


def test_tasks_are_approved_and_rejected(
    as_alice: User, tmp_path: Path, tidemill: Tidemill, json_of: Json
) -> None:
    """By name; the task says what it waits for, and then who refused it and why, in a narrow terminal too."""
    project = made(tmp_path, as_alice, "gates", GATES)
    assert any(len(state["tasks_waiting_approval"]) == 2 for state in project.states(1))
    waiting = json_of("run", "explain", project.path, "1")
    assert waiting["run"]["code"] == "waits_for_approval"
    assert waiting["tasks"][0]["task"] == {
        "code": "waits_for_approval",
        "sentence": "waiting: somebody must approve it",
        "evidence": {"approvals": "0", "needed": "1"},
    }
    assert tidemill("run", "approve", project.path, "1", "gat").complaint == (
        f"run #1 has no task 'gat'; its tasks: {LONG}, gate"
    )
    approved = tidemill("run", "approve", project.path, "1", "gate")
    assert approved == (0, "task gate of run #1 approved\n", "")
    again = tidemill("run", "approve", project.path, "1", "gate")
    assert again.code == 1
    assert "approved task 'gate' already" in again.complaint
    rejected = json_of("run", "reject", project.path, "1", LONG, "--reason", "too late")
    assert (rejected["name"], rejected["status"]) == (LONG, "skipped")
    assert project.finished(1)["result"] == "success"
    explained = json_of("run", "explain", project.path, "1")
    (refused,) = [task["task"] for task in explained["tasks"] if task["name"] == LONG]
    assert (refused["code"], refused["sentence"]) == ("not_approved", "skipped: rejected by alice: too late")
    late = tidemill("run", "reject", project.path, "1", "gate")
    assert "it waits for no approval" in late.complaint
    for columns in (50, 80):
        lines = seen(as_alice, "run", "get", project.path, "1", columns=columns)
        assert max(map(len, lines)) <= columns
        assert any(line.startswith("a-task") and "skipped" in line for line in lines)


def test_a_run_is_cancelled_and_another_stopped(
    as_alice: User, tmp_path: Path, tidemill: Tidemill, json_of: Json
) -> None:
    """The answer is the run; who did it stands in what is said of it. Too late is said with what it is."""
    work = Work(tmp_path, as_alice.project("ended"))
    work.commit(config("echo begun; exec sleep 300"))
    work.push()
    assert next(work.project.log_blocks(1, "task", 0)).startswith(b"begun")
    work.commit({}, "another")
    work.push()
    assert json_of("run", "explain", work.project.path, "2")["run"] == {
        "code": "waits_for_group",
        "sentence": "waiting: run #1 of the same group is running",
        "evidence": {"run": "1", "state": "running"},
    }
    assert json_of("run", "cancel", work.project.path, "2", "--reason", "not today")["number"] == 2
    explained = tidemill("run", "explain", work.project.path, "2")
    assert explained.out.splitlines() == [
        "cancelled by alice: not today",
        "  task: not begun: cancelled by alice: not today",
    ]
    assert tidemill("run", "cancel", work.project.path, "2").complaint == (
        "run 2 is cancelled: only a queued run can be cancelled"
    )
    lines = seen(as_alice, "run", "stop", work.project.path, "1", columns=50)
    assert lines[0].split()[:4] == ["NUMBER", "NAME", "PHASE", "RESULT"]
    assert max(map(len, lines)) <= 50
    assert work.project.finished(1)["result"] == "stopped"
    lines = tidemill("run", "explain", work.project.path, "1").out.splitlines()
    assert lines[:2] == ["stopped by alice", "  task: stopped by alice"]
    assert tidemill("run", "stop", work.project.path, "1").complaint == (
        "run 1 is finished: only a running run can be stopped"
    )
