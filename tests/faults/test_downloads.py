"""People download artifacts while servers die and connections break: a file is whole, or is not there."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import SECONDS, process
from tests.faults.conftest import Install
from tests.faults.installation import Installation
from tests.faults.passage import Halt, Passage
from tests.faults.test_transfers import BIG, HOST, MAKE, MIDDLE, SIZE, check_through
from tests.system.server import TLS, Project, Work

FILE = "GET /internal/runservice/runs/[^/]+/tasks/[^/]+/artifacts/big/content"
BUNDLE = "GET /internal/runservice/runs/[^/]+/artifacts/bundle"


@pytest.fixture
def installation(install: Install) -> Installation:
    return install()


@pytest.fixture
def passage(installation: Installation) -> Iterator[Passage]:
    """The way from the front to the store."""
    with Passage(installation.store_port) as passage:
        yield passage


@pytest.fixture
def kept(installation: Installation, passage: Passage, tmp_path: Path) -> Project:
    """A project whose run has kept a file."""
    installation.executor("host")
    installation.front.environment["TIDEMILL_RUNSERVICE_URL"] = passage.url
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    tasks = [{"name": "make", "runtime": HOST, "steps": [MAKE, {"artifacts": BIG}]}]
    work.commit({".tidemill/config.yml": json.dumps({"runs": [{"name": "run", "tasks": tasks}]})})
    work.push()
    assert project.finished(1)["result"] == "success"
    return project


def get(project: Project, *arguments: str) -> "subprocess.Popen[str]":
    """`tidemill artifact get` in a process of its own."""
    environment = {"TIDEMILL_GATEWAY_URL": project.user.server.url, "TIDEMILL_TOKEN": project.user.token}
    return process("artifact", "get", project.path, "1", *arguments, environment=environment)


def test_a_download_goes_on_whatever_breaks(
    installation: Installation, passage: Passage, kept: Project, tmp_path: Path
) -> None:
    """The connection between the servers, the store, the front: the same file, whole, from one command."""
    halts = [passage.halt(FILE, "down", MIDDLE // 2) for _ in range(3)]
    to = tmp_path / "got"
    with get(kept, "big", "--to", str(to)) as download:
        halts[0].reached()
        assert not to.exists()
        halts[0].cut()
        for halt, victim in zip(halts[1:], (installation.store, installation.front), strict=True):
            halt.reached()
            victim.kill()
            halt.go_on()
            victim.start()
        _, said = download.communicate(timeout=SECONDS)
    assert (download.returncode, said.count("going on from there") >= 3) == (0, True), said
    with to.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert kept.log(1, "make", 0).decode().split()[0] == digest
    assert {path.name for path in tmp_path.iterdir() if "got" in path.name} == {"got"}
    check_through(installation, archives=0, artifacts=1)


@pytest.mark.parametrize("is_archive", [False, True])
def test_a_bundle_that_breaks_is_seen_to_be_cut(
    installation: Installation, passage: Passage, kept: Project, tmp_path: Path, is_archive: bool
) -> None:
    """Whoever reads it is told; the command line leaves nothing of it."""
    halts = [passage.halt(BUNDLE, "down", MIDDLE) for _ in range(2)]
    to = tmp_path / "got"
    with get(kept, *(["--archive", "tar"] if is_archive else []), "--to", str(to)) as download:
        halts[0].reached()
        installation.store.kill()
        halts[0].go_on()
        _, said = download.communicate(timeout=SECONDS)
    assert (download.returncode, "cut" in said) == (1, True), said
    assert not [path for path in tmp_path.iterdir() if "got" in path.name]
    installation.store.start()
    assert read_through(kept, halts[1]) < SIZE
    check_through(installation, archives=0, artifacts=1)


def read_through(project: Project, halt: Halt) -> int:
    """Read a bundle that is cut in its middle, as any client does; how many bytes of it have come."""
    blocks: list[int] = []
    url = f"{project.user.server.url}/api/v1alpha{project.ref}/runs/1/artifacts.tar"
    headers = {"Authorization": f"token {project.user.token}"}

    def read(answer: httpx2.Response) -> None:
        for block in answer.iter_raw():
            blocks.append(len(block))
            if sum(blocks) > MIDDLE // 2:
                halt.cut()

    with httpx2.stream("GET", url, headers=headers, timeout=60, verify=TLS) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError):
            read(answer)
    return sum(blocks)
