"""Pushes from many clients at once are each run once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.system.server import Server, User, Work, config

PROJECTS = 5
PUSHES = 10


def test_fifty_pushes_make_fifty_runs(server: Server, alice: User, tmp_path: Path) -> None:
    """Fifty pushes to five projects, each to a branch of its own: no number missing, none twice."""
    projects = [alice.project(f"many{i}") for i in range(PROJECTS)]
    works = [
        Work(tmp_path / f"{i}-{j}", project) for i, project in enumerate(projects) for j in range(PUSHES)
    ]
    for i, work in enumerate(works):
        work.commit(config("true"), f"work {i}")

    with ThreadPoolExecutor(10) as clients:
        list(clients.map(lambda pair: pair[1].push(f"branch{pair[0]}"), enumerate(works)))

    for project in projects:
        runs = [project.finished(number) for number in range(1, PUSHES + 1)]
        assert [run["result"] for run in runs] == ["success"] * PUSHES
        assert sorted(run["number"] for run in project.runs()) == list(range(1, PUSHES + 1))
        assert len({run["annotations"]["branch"] for run in runs}) == PUSHES
