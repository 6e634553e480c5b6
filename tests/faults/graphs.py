"""Random graphs of tasks of nothing, and what the times and the marks of their execution have to say."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.system.server import Project
from tidemill.core.job import attempt_of

CONDITIONS = ["on_success", "on_failure", "on_skipped"]
#: How often a task is executed that ends so, at least and at most. One that was stopped may never have begun.
EXECUTIONS = {"success": (1, 1), "failed": (1, 1), "stopped": (0, 1), "skipped": (0, 0), "cancelled": (0, 0)}
#: Clocks are read in this order within one process and then rounded to microseconds.
ROUNDING = 1e-6


def graph(
    random: Random, size: int, marks: Path, *, failing: float = 0.0, attempts: int = 1
) -> dict[str, Any]:
    """The tasks of a run: some take a while, some fail, edges go to any of those before.

    One whose executor is lost is tried again, *attempts* times at most in all.
    """
    tasks = []
    behind: list[set[int]] = []  # all that a task waits for, however far away
    for number in range(size):
        some = random.sample(range(number), min(number, random.choice([0, 1, 1, 2, 3])))
        before = [one for one in some if not any(one in behind[other] for other in some)]
        behind.append({*before, *(further for one in before for further in behind[one])})
        edges = [(f"t{one}", ["on_success"]) for one in before]
        if failing:
            edges = [(name, random.sample(CONDITIONS, random.randrange(1, 4))) for name, _ in edges]
        words = [f"mark {marks}", f"echo begun t{number}", f"sleep {random.choice([0, 0.01, 0.1, 0.3])}"]
        words += ["exit 1"] if random.random() < failing else [f"echo ended t{number}"]
        steps = [{"run": {"name": "one", "command": "\n".join(words)}}, {"run": "echo two"}]
        depends = [{"task": name, "conditions": conditions} for name, conditions in edges]
        task = {"name": f"t{number}", "runtime": {"type": "host"}, "depends": depends, "steps": steps}
        retry = {"retry": {"attempts": attempts, "on": ["lost"]}} if attempts > 1 else {}
        tasks.append(task | retry | ({"ignore_failure": True} if failing else {}))
    return {"name": "graph", "tasks": tasks}


def files(*runs: dict[str, Any]) -> dict[str, str]:
    """A repository with these runs."""
    return {".tidemill/config.yml": json.dumps({"runs": runs})}


def marked(marks: Path) -> dict[str, set[tuple[str, int, str]]]:
    """For each task that was executed, which of its jobs have executed which step: (pod, attempt, step)."""
    found: dict[str, set[tuple[str, int, str]]] = defaultdict(set)
    for line in marks.read_text().splitlines() if marks.exists() else ():
        pod, key, _ = line.split()
        task, _, generation = pod.rpartition(".")
        found[task].add((pod, attempt_of(int(generation)), key))
    return found


def check_order(run: dict[str, Any], steps: dict[str, list[dict[str, Any]]]) -> None:
    """No task, and no step of it, has begun before each of those it depends on had ended, whole."""
    for task in run["tasks"].values():
        began = [moment(step["start_time"]) for step in steps[task["id"]] if step["start_time"]]
        began += [moment(task["start_time"])] if task["start_time"] else []
        for before in task["depends"]:
            ended = [moment(step["end_time"]) for step in steps[before] if step["end_time"]]
            end = run["tasks"][before]["end_time"]
            ended += [moment(end)] if end else []
            assert not began or not ended or min(began) >= max(ended) - ROUNDING, (task, before)


def check_executions(project: Project, numbers: Iterable[int], marks: Path, *, attempts: int = 1) -> None:
    """Each attempt of a task that has run was executed by one job, other tasks by none; logs are whole.

    A task that a restarted run has kept is one task, in both runs.
    """
    runs = [project.finished(number) for number in numbers]
    executed = marked(marks)
    seen = set()
    for run in runs:
        steps = {}
        for task in run["tasks"].values():
            detail = project.user.get(f"{project.ref}/runs/{run['number']}/tasks/{task['id']}")
            steps[task["id"]] = detail["steps"]
            _check_execution(project, run, task, executed[task["id"]], attempts)
            seen.add(task["id"])
        check_order(run, steps)
    assert executed.keys() <= seen, "something was executed that is of no run"


def _check_execution(
    project: Project,
    run: dict[str, Any],
    task: dict[str, Any],
    jobs: set[tuple[str, int, str]],
    retries: int,
) -> None:
    """How often a task was executed, and what it has said, fits how it ended."""
    number, name, status = run["number"], task["name"], task["status"]
    least, most = EXECUTIONS[status]
    attempts = [attempt for _, attempt, key in jobs if key == "step-0"]
    assert len(attempts) == len(set(attempts)), (number, task, jobs)
    assert least <= len(attempts) <= most * retries, (number, task, jobs)
    if not jobs:
        return
    said = f"begun {name}\nended {name}\n".encode()
    logged = _log(project, number, task["id"], 0)
    assert said.startswith(logged), (number, name, logged)
    if status == "success":
        assert logged == said, (number, name, logged)
        second = _log(project, number, task["id"], 1)
        assert second == b"two\n", (number, name, second)
    if status == "failed":
        assert logged == f"begun {name}\n".encode(), (number, name)


def _log(project: Project, number: int, task_id: str, step: int) -> bytes:
    answer = project.user.request("GET", f"{project.ref}/runs/{number}/tasks/{task_id}/logs", step=step)
    assert answer.status_code == 200, answer.text
    return answer.content


def moment(text: str) -> float:
    """A time of the public API."""
    return datetime.fromisoformat(text).timestamp()
