"""Whatever process is killed, whenever: each task is executed once, in its turn, and told of to the last byte."""

import random
import signal
from pathlib import Path

import pytest

from tests.faults.conftest import Install
from tests.faults.graphs import check_executions, files, graph
from tests.faults.installation import SEED, eventually
from tests.system.server import Server, Work

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


def silences(install: Install, tmp_path: Path, seed: int, times: int) -> None:
    """Let one of three executors be silent beyond its lease, killed or stopped, again and again."""
    chance = random.Random(seed)
    installation = install(lease=2.0, grace=1.0)
    executors = [installation.executor(slots=4) for _ in range(3)]
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    marks = tmp_path / "marks"
    attempts = times + 1
    for number in range(times):
        work.commit(files(graph(chance, TASKS, marks, attempts=attempts)))
        work.push(f"branch{number}")
    for moment in sorted(chance.sample(range(times * TASKS // 2), times)):
        eventually(lambda moment=moment: lines(marks) >= moment, f"{moment} tasks have begun")
        silent, is_killed = chance.choice(executors), chance.random() < 0.5
        before = lost(installation.store)
        silent.signal(signal.SIGKILL if is_killed else signal.SIGSTOP)
        eventually(
            lambda silent=silent, before=before: not jobs(silent) or lost(installation.store) > before,
            "its silence is noticed",
        )
        had = jobs(silent)
        if is_killed:
            silent.kill()
            silent.start()
        else:
            silent.signal(signal.SIGCONT)
        eventually(lambda silent=silent, had=had: not had & jobs(silent), "it lets go of what it had")
    check_executions(project, range(1, times + 1), marks, attempts=attempts)
    assert {run["result"] for run in project.runs()} == {"success"}
    installation.settled()


def lost(store: Server) -> int:
    """How often an executor that had jobs was lost."""
    return store.log.read_text().count('"executor lost"')


def jobs(executor: Server) -> set[str]:
    """What it has on its disk."""
    return {path.name for path in (executor.data / "executor" / "jobs").iterdir()}


def test_any_process_is_killed_at_any_moment(install: Install, tmp_path: Path) -> None:
    """Four kills among store, front and executors while four random graphs are at work."""
    storm(install, tmp_path, SEED)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(20))
def test_any_process_is_killed_again_and_again(install: Install, tmp_path: Path, number: int) -> None:
    """The same with more seeds and more kills."""
    storm(install, tmp_path, SEED * 1000 + number, kills=15)


def test_executors_are_silent_beyond_their_lease(install: Install, tmp_path: Path) -> None:
    """F2 to F4 with many tasks: what is lost is tried again, each attempt is executed once at most."""
    silences(install, tmp_path, SEED, 2)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(10))
def test_executors_are_silent_again_and_again(install: Install, tmp_path: Path, number: int) -> None:
    """The same with more seeds and more silences."""
    silences(install, tmp_path, SEED * 1000 + number, 5)


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0
