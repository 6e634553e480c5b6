"""F13: processes are upgraded one after the other while a hundred tasks run; the schema changes under them."""

import subprocess
import sys
from pathlib import Path

from tests.etcd import Etcd
from tests.faults.cluster import Cluster
from tests.faults.load import Load
from tests.require import require
from tests.system.server import Server

ROOT = Path(__file__).parents[2]
MIGRATIONS = "src/tidemill/services/*/migrations/2*.py"

#: 25 tasks a run.
WIDE = {"first": (), **{f"task{number}": ("first",) for number in range(24)}}


def before_the_last_migration(folder: Path) -> dict[str, str]:
    """The environment of a server as it was before the last change of a schema."""
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", MIGRATIONS)
    before = git("rev-list", "--first-parent", "-300", f"{added}^") if added else None
    require("history", before is not None, "clone the repository whole")
    assert before is not None
    for commit in before.split():  # the first that is whole, with no migration that was written anew since
        if git("diff", "--name-only", "--diff-filter=MD", commit, "HEAD", "--", MIGRATIONS):
            continue
        environment = {"PYTHONPATH": str(folder / commit / "src")}
        unpack(commit, folder / commit)
        if imports(environment):
            return environment
    raise AssertionError("no version before the last migration can be imported")


def unpack(commit: str, folder: Path) -> None:
    """The sources of a commit, in *folder*."""
    folder.mkdir(parents=True)
    archive = ["git", "archive", commit, "src"]
    packed = subprocess.run(archive, cwd=ROOT, capture_output=True, timeout=60, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, timeout=60, check=True)


def imports(environment: dict[str, str]) -> bool:
    """Whether all services can be imported there."""
    program = (
        "import importlib\n"
        "from tidemill.serve.house import COMPONENTS\n"
        "for name in COMPONENTS: importlib.import_module(f'tidemill.services.{name}.service')"
    )
    command = [sys.executable, "-c", program]
    return (
        subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode == 0
    )


def git(*arguments: str) -> str | None:
    """What git says of this repository; None where it cannot."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def upgrade(server: Server) -> None:
    """Stop it as an operator does, and start today's version on what it has left."""
    assert server.stop() == 0
    del server.environment["PYTHONPATH"]
    server.start()


def test_a_rolling_upgrade(database: str, etcd: Etcd, tmp_path: Path) -> None:
    """The first new process changes the schema; the old ones go on beside it until it is their turn."""
    environment = before_the_last_migration(tmp_path / "older")
    cluster = Cluster(tmp_path, database, etcd.url, environment=environment)
    try:
        load = Load(tmp_path / "work", cluster.start().project("hello"), WIDE)
        load.push(4)
        first, second = cluster.houses
        upgrade(first)
        load.push()
        next(load.project.states(len(load.pushed)))
        for server in (second, cluster.gitserver, *cluster.executors):
            upgrade(server)
        load.push()
        load.check()
        cluster.check()
    finally:
        cluster.stop()
