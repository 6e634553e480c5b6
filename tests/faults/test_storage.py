"""F8 and F9: a database that others hold, a disk that is full, an object store that fails: wait, tell, go on."""

import os
import random
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import anyio
import pytest

from tests.faults.checking import check_at
from tests.faults.installation import SEED, eventually
from tests.faults.load import Load
from tests.faults.s3 import Store
from tests.require import require
from tests.system.server import Project, Server, Work, config
from tidemill.kit.objects import Objects

#: More than an append that becomes an object of its own.
BIG = 1_000_000
#: A step whose log is that long, of one letter.
LOUD = f"head -c {BIG} /dev/zero | tr '\\0' x"


def checked(server: Server, objects: str = "") -> None:
    """The whole check of a server that has stopped."""
    store = Objects.open(objects or (server.data / "objects").as_uri())
    anyio.run(check_at, f"sqlite:///{server.data / 'runservice.db'}", store)
    assert not list((server.data / "executor" / "jobs").glob("*"))


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """A server as long as it is needed."""
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
        server.clear_away()


class Holder:
    """Another process' transaction: it holds a database's write lock again and again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self.held = 0

    def _hold(self) -> None:
        moments = random.Random(SEED)
        with closing(sqlite3.connect(self._file, isolation_level=None, timeout=10)) as other:
            while not self._stop.is_set():
                other.execute("BEGIN IMMEDIATE")
                self._stop.wait(moments.uniform(0.2, 1.0))
                other.execute("ROLLBACK")
                self.held += 1
                self._stop.wait(moments.uniform(0, 0.1))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)


def test_somebody_holds_the_database(tmp_path: Path) -> None:
    """F8: whoever backs it up or looks into it makes runs slower, and loses or repeats nothing of them."""
    with serving(Server(tmp_path / "data")) as server:
        load = Load(tmp_path / "work", server.user("alice").project("hello"))
        with Holder(server.data / "runservice.db") as holder:
            load.push(4)
            load.check()
        assert holder.held > 3
        eventually(lambda: not list((server.data / "executor" / "jobs").glob("*")), "the disk is cleared")
        assert server.stop() == 0
        checked(server)


@pytest.mark.parametrize("how", ["error", "silent"])
def test_the_object_store_fails_under_a_log(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F9: while it answers errors or nothing at all the log waits; afterwards it is there to the last byte."""
    with Store() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        environment = {"TIDEMILL_RUNSERVICE_OBJECTS": "s3://bucket/tidemill"}
        with serving(Server(tmp_path / "data", environment=environment)) as server:
            project = server.user("alice").project("hello")
            work = Work(tmp_path / "work", project)
            store.break_(how)
            work.commit(config(LOUD, steps=[{"run": LOUD}, {"run": "echo done"}]))
            work.push()
            eventually(lambda: store.refused, "the store is asked")
            assert project.run(1)["phase"] == "running"
            store.mend()
            assert project.finished(1)["result"] == "success"
            assert project.log(1, "task", 0) == b"x" * BIG
            assert project.log(1, "task", 1) == b"done\r\n"
            eventually(lambda: not list((server.data / "executor" / "jobs").glob("*")), "the disk is cleared")
            assert server.stop() == 0
            checked(server, "s3://bucket/tidemill")


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system that is soon full."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    can = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    require("tmpfs", can, "mounting a small file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take all the space that is left; answers the file to remove."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_the_disk_of_the_server_is_full(tmp_path: Path) -> None:
    """F9: pushes are refused, running tasks wait; once there is space again both go on, nothing is torn."""
    with small_disk(tmp_path / "disk", "48m") as disk:
        parts = Parts(tmp_path, disk / "front", tmp_path / "executor")
        with parts as project:
            work = Work(tmp_path / "work", project)
            work.commit(config(f"echo begin; sleep 1; {LOUD}; echo end"))
            work.push()
            next(state for state in project.states(1) if state["phase"] == "running")
            ballast = fill(disk)
            work.commit(config("echo second"), "second")
            with pytest.raises(AssertionError):
                work.push()
            eventually(lambda: "disk is full" in parts.executor.log.read_text(), "the executor is told")
            ballast.unlink()
            assert project.finished(1)["result"] == "success"
            assert project.log(1, "task", 0) == b"begin\r\n" + b"x" * BIG + b"end\r\n"
            work.push()
            assert project.finished(2)["result"] == "success"
            parts.check()


def test_the_disk_of_the_executor_is_full(tmp_path: Path) -> None:
    """F9: a task that cannot be kept fails and says why; the next one succeeds when there is space again."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        parts = Parts(tmp_path, tmp_path / "front", disk / "executor")
        with parts as project:
            work = Work(tmp_path / "work", project)
            ballast = fill(disk)
            work.commit(config("echo first"))
            work.push()
            run = project.finished(1)
            (task,) = run["tasks"].values()
            assert (run["result"], "No space left" in task["reason"]) == ("failed", True)
            ballast.unlink()
            work.commit(config("echo second"), "second")
            work.push()
            assert project.finished(2)["result"] == "success"
            assert project.log(2, "task", 0) == b"second\r\n"
            parts.check()


def test_the_disk_of_the_executor_gets_full_under_a_log(tmp_path: Path) -> None:
    """F9: output that finds no space fails its step, and the end of the log says so."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        parts = Parts(tmp_path, tmp_path / "front", disk / "executor")
        with parts as project:
            work = Work(tmp_path / "work", project)
            work.commit(config(f"echo begin; sleep 1; {LOUD}; echo end"))
            work.push()
            assert b"begin" in next(project.log_blocks(1, "task", 0))
            ballast = fill(disk)
            assert project.finished(1)["result"] == "failed"
            assert project.log(1, "task", 0).rstrip().endswith(b"No space left on device")
            ballast.unlink()
            parts.check()


class Parts:
    """Everything but the executor on one disk, the executor on another."""

    def __init__(self, place: Path, front: Path, executor: Path) -> None:
        shared = {"TIDEMILL_SERVICE_TOKEN": "shared"}
        everything_else = "configstore,runservice,gitserver,gateway,scheduler"
        self.front = Server(front, components=everything_else, environment=shared)
        self.front.log = place / "front.log"
        self.executor = Server(executor, components="executor", environment=shared)
        self.executor.log = place / "executor.log"

    def __enter__(self) -> Project:
        self.front.start()
        self.executor.environment["TIDEMILL_RUNSERVICE_URL"] = self.front.url
        self.executor.start()
        return self.front.user("alice").project("hello")

    def __exit__(self, *_: object) -> None:
        for server in (self.executor, self.front):
            if server.process is not None and server.process.poll() is None:
                server.stop()
        self.executor.clear_away()

    def check(self) -> None:
        """Stop, and look at everything that is stored."""
        jobs = self.executor.data / "executor" / "jobs"
        eventually(lambda: not list(jobs.glob("*")), "the executor's disk is cleared")
        assert {self.executor.stop(), self.front.stop()} == {0}
        checked(self.front)
