"""F15: no task begins before those it depends on have ended, in any graph, by recorded times and marks."""

from pathlib import Path
from random import Random

import pytest

from tests.faults.conftest import Install
from tests.faults.graphs import check_executions, files, graph
from tests.faults.installation import SEED
from tests.system.server import Work


def graphs(install: Install, tmp_path: Path, seed: int, runs: int) -> None:
    """Graphs with every kind of condition, side by side on two executors."""
    random = Random(seed)
    installation = install()
    for _ in range(2):
        installation.executor(slots=6)
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    marks = tmp_path / "marks"
    for number in range(runs):
        work.commit(files(graph(random, random.randrange(2, 30), marks, failing=0.2)))
        work.push(f"branch{number}")
    check_executions(project, range(1, runs + 1), marks)
    installation.settled()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_begins_before_its_time(install: Install, tmp_path: Path) -> None:
    """Four random graphs; on PostgreSQL there are those of test_any_process."""
    graphs(install, tmp_path, SEED, 4)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(10))
def test_nothing_ever_begins_before_its_time(install: Install, tmp_path: Path, number: int) -> None:
    """Fifteen random graphs, ten times."""
    graphs(install, tmp_path, SEED * 1000 + number, 15)
