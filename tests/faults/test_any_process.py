"""Whatever process is killed, whenever: each task is executed once, in its turn, and told of to the last byte."""

import random
from pathlib import Path

import pytest

from tests.faults.conftest import Install
from tests.faults.graphs import check_executions, files, graph
from tests.faults.installation import SEED, eventually
from tests.system.server import Work

RUNS, TASKS, KILLS = 4, 20, 4


def storm(install: Install, tmp_path: Path, seed: int, *, kills: int = KILLS) -> None:
    """Kill at random moments, counted in tasks that have begun, and start again; then look at everything."""
    chance = random.Random(seed)
    installation = install()
    executors = [installation.executor(slots=8) for _ in range(2)]
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    marks = tmp_path / "marks"
    for number in range(RUNS):
        work.commit(files(graph(chance, TASKS, marks)))
        work.push(f"branch{number}")
    victims = [installation.store, installation.front, *executors]
    for moment in sorted(chance.sample(range(RUNS * TASKS - 20), kills)):
        eventually(lambda moment=moment: lines(marks) >= moment, f"{moment} tasks have begun")
        victim = chance.choice(victims)
        victim.kill()
        victim.start()
    check_executions(project, range(1, RUNS + 1), marks)
    assert {run["result"] for run in project.runs()} == {"success"}
    installation.settled()


def test_any_process_is_killed_at_any_moment(install: Install, tmp_path: Path) -> None:
    """Four kills among store, front and executors while four random graphs are at work."""
    storm(install, tmp_path, SEED)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(20))
def test_any_process_is_killed_again_and_again(install: Install, tmp_path: Path, number: int) -> None:
    """The same with more seeds and more kills."""
    storm(install, tmp_path, SEED * 1000 + number, kills=15)


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0
