"""F14: stops, cancels, restarts, approvals and rejections race with each other and with the ends of tasks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any

import pytest

from tests.faults.conftest import Install
from tests.faults.graphs import check_executions, files, graph
from tests.faults.installation import SEED, eventually
from tests.system.server import Project, Work

FINAL = ("finished", "cancelled", "setuperror")
OF_RUN: list[dict[str, object]] = [
    {"action_type": "stop"},
    {"action_type": "cancel"},
    {"action_type": "restart", "from_start": True},
    {"action_type": "restart", "from_start": False},
]
OF_TASK: list[dict[str, object]] = [{"action_type": "approve"}, {"action_type": "reject", "reason": "no"}]
#: Asked for at the wrong moment, an action is refused with a reason.
ANSWERS = {200, 201, 204, 400, 409}


def racing(install: Install, tmp_path: Path, seed: int, runs: int) -> None:
    """Whatever is asked of runs at whatever moment is done or refused, and everything ends well."""
    random = Random(seed)
    installation = install()
    installation.executor(slots=8)
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    marks = tmp_path / "marks"
    plans = []
    for number in range(runs):
        tree = graph(random, random.randrange(1, 6), marks)
        if random.random() < 0.5:
            random.choice(tree["tasks"])["approval"] = True
        work.commit(files(tree))
        plans.append((f"branch{number}", Random(random.random())))
        work.push(plans[-1][0])
    with ThreadPoolExecutor(6) as racers:
        races = [racers.submit(race, project, number, own) for number, (_, own) in enumerate(plans, start=1)]
        wait(races)
    for done in races:
        done.result()
    eventually(lambda: not open_runs(project), "everything ends")
    check_executions(project, sorted(run["number"] for run in project.runs()), marks)
    installation.settled()


def race(project: Project, number: int, random: Random) -> None:
    """After some states of a run, two actions at the same moment; several times."""
    for _ in range(3):
        run = later(project, number, random.randrange(1, 5))
        start = Barrier(2)
        with ThreadPoolExecutor(2) as pair:
            list(pair.map(partial(after, start), [action(project, run, random) for _ in range(2)]))


def later(project: Project, number: int, states: int) -> dict[str, Any]:
    """The run after so many states, or in the one in which it waits for somebody."""
    with closing(project.states(number)) as changes:
        for state in islice(changes, states):
            if any(task["waiting_approval"] for task in state["tasks"].values()):
                break
    return state


def action(project: Project, run: dict[str, Any], random: Random) -> Callable[[], None]:
    """Something to do to a run or to a task of it."""
    path = f"{project.ref}/runs/{run['number']}"
    body = random.choice(OF_RUN)
    waiting = [task["id"] for task in run["tasks"].values() if task["waiting_approval"]]
    if waiting and random.random() < 0.7:
        path, body = f"{path}/tasks/{random.choice(waiting)}", random.choice(OF_TASK)

    def act() -> None:
        answer = project.user.put(f"{path}/actions", body)
        assert answer.status_code in ANSWERS, (path, body, answer.status_code, answer.text)

    return act


def after(start: Barrier, act: Callable[[], None]) -> None:
    start.wait(30)
    act()


def open_runs(project: Project) -> list[int]:
    """Runs that are not over; those that only wait for somebody are stopped."""
    open_ = [run for run in project.runs() if run["phase"] not in FINAL]
    for run in open_:
        if run["tasks_waiting_approval"]:
            project.user.put(f"{project.ref}/runs/{run['number']}/actions", OF_RUN[0])
    return [run["number"] for run in open_]


def test_actions_race_with_ends(install: Install, tmp_path: Path) -> None:
    """Six small runs, six actions each."""
    racing(install, tmp_path, SEED, 6)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(20))
def test_actions_race_with_ends_for_long(install: Install, tmp_path: Path, number: int) -> None:
    """Twenty runs, twenty times."""
    racing(install, tmp_path, SEED * 1000 + number, 20)
