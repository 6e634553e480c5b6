"""Executors and stores die, and connections break, in the middle of files on their way; what is kept is whole."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest

from tests.faults.conftest import Install
from tests.faults.installation import Installation, eventually
from tests.faults.keeping import check_kept
from tests.faults.passage import Halt, Passage
from tests.kit.outside import sqlite_connection
from tests.system.server import Project, Server, Work
from tidemill.kit.objects import Objects
from tidemill.kit.objects.files import STAGING

#: Bytes that do not become fewer when they are compressed, and where among them a transfer stands still:
#: what the kernel has taken of the rest is less than that.
SIZE, MIDDLE = 32 << 20, 12 << 20
#: Of these the object on its way has got so many: they are written a megabyte at a time.
ARRIVED = MIDDLE - (2 << 20)
JOB = "/internal/runservice/jobs/[^/]+"
UPLOADS = (f"PUT {JOB}/workspaces/", f"PUT {JOB}/caches", f"PUT {JOB}/artifacts/")
DOWNLOAD = f"GET {JOB}/archives/"
LEASE, GRACE = 4.0, 1.0
FAULTS = ["executor", "store", "connection"]

HOST = {"type": "host"}
BIG = {"contents": [{"source_dir": ".", "paths": ["big"]}]}
SUM = {"run": {"command": "sha256sum big", "tty": False}}
SHORT = {"run": "true"}
MAKE = {"run": {"command": f"head -c {SIZE} /dev/urandom > big; sha256sum big", "tty": False}}
MAKING = [
    MAKE,
    {"save_to_workspace": BIG},
    {"save_cache": {"key": "big"} | BIG},
    {"artifacts": BIG},
]
USING = [
    {"restore_workspace": {"dest_dir": "."}},
    SUM,
    {"run": "rm big"},
    {"restore_cache": {"keys": ["big"], "dest_dir": "."}},
    SUM,
]


@pytest.fixture
def installation(install: Install) -> Installation:
    return install()


@pytest.fixture
def passage(installation: Installation) -> Iterator[Passage]:
    """The way to the store that the executor and the front take."""
    with Passage(installation.store_port) as passage:
        yield passage


def started(installation: Installation, passage: Passage, slots: int = 4) -> tuple[Server, Project]:
    """Everything, whose ways to the store lead through the passage; an executor and a project."""
    executor = installation.executor("host", slots)
    for server in (executor, installation.front):
        server.environment["TIDEMILL_RUNSERVICE_URL"] = passage.url
    installation.start()
    return executor, installation.front.user("alice").project("hello")


def push(place: Path, project: Project, **tasks: dict[str, Any]) -> None:
    """Push a run of these host tasks."""
    work = Work(place / "work", project)
    listed = [{"name": name, "runtime": HOST} | task for name, task in tasks.items()]
    work.commit({".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": listed}]})})
    work.push()


def strike(fault: str, installation: Installation, executor: Server, halt: Halt) -> None:
    """What is on its way, in its middle, gets no further."""
    if fault == "connection":
        halt.cut()
        return
    victim = executor if fault == "executor" else installation.store
    victim.kill()
    halt.go_on()
    victim.start()


def staged(installation: Installation) -> int:
    """Bytes that have arrived of objects which are not complete."""
    return sum(file.stat().st_size for file in (installation.store.data / "objects" / STAGING).iterdir())


def check_through(installation: Installation, *, archives: int, artifacts: int) -> None:
    """The whole check, with every file that is kept; the installation is stopped by it."""
    installation.settled()
    store = installation.store.data / "objects"
    anyio.run(lambda: check_kept(installation.database, store, archives=archives, artifacts=artifacts))


def check_content(project: Project) -> None:
    """What is kept of a task is what it has made, in all three places."""
    assert project.finished(1)["result"] == "success"
    made = project.log(1, "make", 0)
    assert made
    assert [project.log(1, "use", step) for step in (1, 4)] == [made, made]
    (found,) = project.user.get(f"{project.ref}/runs/1/artifacts")
    assert (found["size"], found["sha256"]) == (SIZE, made.decode().split()[0])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_of_uploads(
    installation: Installation, passage: Passage, tmp_path: Path, fault: str
) -> None:
    """A workspace, a cache, artifacts: each is brought again, whole, and its step is done once."""
    halts = [passage.halt(request, "up", MIDDLE) for request in UPLOADS]
    executor, project = started(installation, passage)
    push(tmp_path, project, make={"steps": MAKING}, use={"steps": USING, "depends": ["make"]})
    for halt in halts:
        halt.reached()
        eventually(lambda: staged(installation) >= ARRIVED, "so much has arrived")
        strike(fault, installation, executor, halt)
    check_content(project)
    check_through(installation, archives=2, artifacts=1)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_of_downloads(
    installation: Installation, passage: Passage, tmp_path: Path, fault: str
) -> None:
    """What a task gets of a workspace and of a cache is all of it, however often it is fetched."""
    halts = [passage.halt(DOWNLOAD, "down", MIDDLE) for _ in range(2)]
    executor, project = started(installation, passage)
    push(tmp_path, project, make={"steps": MAKING[:3]}, use={"steps": USING, "depends": ["make"]})
    for halt in halts:
        halt.reached()
        strike(fault, installation, executor, halt)
    assert project.finished(1)["result"] == "success"
    made = project.log(1, "make", 0)
    assert made
    assert [project.log(1, "use", step) for step in (1, 4)] == [made, made]
    check_through(installation, archives=2, artifacts=0)


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])
def test_transfers_of_an_executor_beyond_its_lease(install: Install, tmp_path: Path, is_killed: bool) -> None:
    """Each task that may be tried again is, elsewhere; of the first attempts nothing is ever kept."""
    installation = install(lease=LEASE, grace=GRACE)
    again = {"retry": {"attempts": 2, "on": ["lost"]}}
    keeping = dict(zip(("workspace", "cache", "artifacts"), MAKING[1:], strict=True))
    tasks = {name: {"steps": [MAKE, step]} | again for name, step in keeping.items()}
    tasks["once"] = {"steps": [SHORT, MAKE, keeping["workspace"]], "ignore_failure": True}
    tasks["made"] = {"steps": [SHORT, SHORT, MAKE, keeping["workspace"]]}
    tasks["use"] = {"steps": USING[:2], "depends": ["made"]} | again
    tasks["after"] = {"steps": USING, "depends": ["workspace", "cache"]}
    requests = [(f"PUT {JOB}/workspaces/1", "up"), *((one, "up") for one in UPLOADS[1:])]
    requests += [(f"PUT {JOB}/workspaces/2", "up"), (DOWNLOAD, "down")]
    with Passage(installation.store_port) as passage:
        halts = [passage.halt(request, direction, MIDDLE) for request, direction in requests]
        first, project = started(installation, passage, slots=8)
        push(tmp_path, project, **tasks)
        for halt in halts:
            halt.reached()
        installation.executor("host", slots=8)
        installation.start()
        first.signal(signal.SIGKILL if is_killed else signal.SIGSTOP)
        run = project.finished(1)
        ends = {task["name"]: task["status"] for task in run["tasks"].values()}
        assert ends == dict.fromkeys(tasks, "success") | {"once": "failed"}
        if is_killed:
            first.kill()
            first.start()
        else:
            first.signal(signal.SIGCONT)
        for halt in halts:
            halt.go_on()
        eventually(lambda: "fenced" in first.log.read_text(), "it is told that its jobs are not its own")
        assert project.log(1, "use", 1) == project.log(1, "made", 2)
        assert [project.log(1, "after", step) for step in (1, 4)] == [
            project.log(1, kept, 0) for kept in ("workspace", "cache")
        ]
        check_through(installation, archives=3, artifacts=1)


def test_a_store_killed_between_an_object_and_its_row(
    installation: Installation, passage: Passage, tmp_path: Path
) -> None:
    """What was complete and not recorded is brought again; the sweep finds what nobody knows of."""
    halts = [passage.halt(request, "up", MIDDLE) for request in UPLOADS]
    _, project = started(installation, passage)
    objects = Objects.open((installation.store.data / "objects").as_uri())
    push(tmp_path, project, make={"steps": MAKING}, use={"steps": USING, "depends": ["make"]})
    for halt, folder in zip(halts, ("archives", "archives", "artifacts"), strict=True):
        halt.reached()
        before = names(objects, folder)
        with holding(installation.database):
            halt.go_on()
            eventually(lambda: names(objects, folder) > before, "the object is complete")  # noqa: B023 - at once
            installation.store.kill()
        installation.store.start()
    check_content(project)
    assert len(names(objects, "archives")) == 4
    check_through(installation, archives=2, artifacts=1)


def names(objects: Objects, folder: str) -> set[str]:
    async def listed() -> set[str]:
        return {name async for name in objects.list(folder)}

    return anyio.run(listed)


@contextmanager
def holding(url: str) -> Iterator[None]:
    """Somebody else holds the database, so that nothing of a job is recorded."""
    if url.startswith("sqlite:"):
        with sqlite_connection(url) as other:
            other.execute("PRAGMA busy_timeout = 10000")
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with asyncio.Runner() as runner:
        other = runner.run(asyncpg.connect(url, timeout=10))
        transaction = other.transaction()
        runner.run(transaction.start())
        runner.run(other.execute("LOCK TABLE runservice.jobs IN EXCLUSIVE MODE"))
        try:
            yield
        finally:
            runner.run(other.close())
