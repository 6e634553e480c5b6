"""Deletion through the whole system: by the command line, until no row and no object is left."""

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.server import TIDEMILL, Project, Server, Work
from tests.system.test_executor import wait_for

STEPS = [
    {
        "run": {
            "command": "mkdir out; echo hello > out/file; head -c 700000 /dev/urandom | base64",
            "tty": False,
        }
    },
    {"save_to_workspace": {"contents": [{"source_dir": "out", "paths": ["**"]}]}},
    {"save_cache": {"key": "deps", "contents": [{"source_dir": "out"}]}},
    {"artifacts": {"paths": ["out/*"]}},
]
FILES = {
    ".tidemill/config.yml": json.dumps(
        {"runs": [{"name": "run", "tasks": [{"name": "task", "runtime": {"type": "host"}, "steps": STEPS}]}]}
    )
}
#: Tables with what belongs to a run, and what is left to be cleared away.
OF_RUNS = [
    "runs",
    "tasks",
    "plans",
    "jobs",
    "logs",
    "log_parts",
    "workspaces",
    "artifact_sets",
    "artifacts",
    "reports",
    "doomed_tasks",
    "doomed_objects",
]


def rows(server: Server) -> dict[str, int]:
    """How many rows there are in each of these tables that has any."""
    with closing(sqlite3.connect(f"file:{server.data / 'runservice.db'}?mode=ro", uri=True)) as db:
        found = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in OF_RUNS}
    return {table: count for table, count in found.items() if count}


def objects(server: Server) -> list[str]:
    root = server.data / "objects"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def tidemill(project: Project, *words: str) -> str:
    user = project.user
    given = {"TIDEMILL_GATEWAY_URL": user.server.url, "TIDEMILL_TOKEN": user.token}
    done = subprocess.run(
        [TIDEMILL, *words],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_run_that_is_deleted_leaves_nothing(tmp_path: Path) -> None:
    """Its log first, then the run, then the cache that it has saved for later ones."""
    server = Server(tmp_path / "data").start()
    try:
        work = Work(tmp_path / "work", server.user("alice").project("hello"))
        work.commit(FILES)
        work.push()
        project = work.project
        assert project.finished(1)["result"] == "success", project.log(1, "task", 2)
        before = rows(server)
        assert {"runs", "tasks", "plans", "logs", "workspaces", "artifact_sets", "artifacts"} <= before.keys()
        assert len(objects(server)) >= 4
        assert tidemill(project, "log", "get", project.path, "1", "--step", "0")
        tidemill(project, "log", "delete", project.path, "1", "--step", "0")
        with pytest.raises(AssertionError, match="was deleted"):
            tidemill(project, "log", "get", project.path, "1", "--step", "0")
        tidemill(project, "run", "delete", project.path, "1")
        with pytest.raises(AssertionError, match="has no such run"):
            tidemill(project, "run", "get", project.path, "1")
        assert "deps" in tidemill(project, "cache", "list", project.path)
        assert tidemill(project, "cache", "delete", project.path, "deps") == "1 cache deleted\n"
        wait_for(lambda: not rows(server) and not objects(server), "everything to be cleared away")
        assert "newest 100" in tidemill(project, "project", "retention", project.path)
        said = tidemill(project, "project", "retention", project.path, "--days", "30", "--most", "50")
        assert said.splitlines() == [
            "runs are kept 30 days after their end, and the newest 100 in any case",
            "of more than 50 runs the oldest go",
        ]
        assert "settings" in tidemill(project, "project", "retention", project.path, "--default")
        work.commit(FILES, "again")
        work.push()
        assert project.finished(2)["number"] == 2
    finally:
        server.stop()
        server.clear_away()
