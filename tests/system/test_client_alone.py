"""The exported clients, installed alone, do what the pages say."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from shutil import copy
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.docs.blocks import Block, blocks
from tests.system.server import Server, Work, config

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    block
    for page in ("clients.md", "organizations.md", "projects.md")
    for block in blocks(ROOT / "docs" / page)
    if block.info == "python"
]
SERVICE_TOKEN = "of-this-installation"

IMPORT_ALL = """
import importlib, pkgutil, sys
import tidemill.contracts
for module in pkgutil.walk_packages(tidemill.contracts.__path__, "tidemill.contracts."):
    importlib.import_module(module.name)
print(*sorted({name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose internal services can be asked by who has its token."""
    data = tmp_path_factory.mktemp("server") / "data"
    running = Server(data, environment={"TIDEMILL_SERVICE_TOKEN": SERVICE_TOKEN}).start()
    yield running
    assert running.stop() == 0
    running.clear_away()


@pytest.fixture(scope="module")
def environment(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the examples are told; alice has a project, and a run in it that is over."""
    alice = server.user("alice")
    server.user("bob")
    work = Work(tmp_path_factory.mktemp("work"), alice.project("hello"))
    work.commit(config("echo hello"))
    work.push()
    assert work.project.finished(1)["result"] == "success"
    return {
        "PATH": os.environ["PATH"],
        "TIDEMILL_GATEWAY_URL": server.url,
        "TIDEMILL_TOKEN": alice.token,
        "TIDEMILL_SERVICE_TOKEN": SERVICE_TOKEN,
    }


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment that has the client's distribution and what it requires."""
    where = tmp_path_factory.mktemp("alone")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(where)]
    subprocess.run(build, cwd=ROOT / "clients" / "python", check=True, capture_output=True, timeout=60)
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(where / "venv")], check=True, timeout=60
    )
    (packages,) = (where / "venv" / "lib").glob("python*/site-packages")
    (wheel,) = where.glob("*.whl")
    with ZipFile(wheel) as packed:
        packed.extractall(packages)
    (metadata,) = packages.glob("tidemill_client-*.dist-info/METADATA")
    required = [
        line.partition(": ")[2]
        for line in metadata.read_text().splitlines()
        if line.startswith("Requires-Dist: ")
    ]
    assert sorted(Requirement(line).name for line in required) == ["httpx2", "msgspec"]
    _install(required, packages, set())
    return where / "venv" / "bin" / "python"


def _install(required: list[str], packages: Path, installed: set[str]) -> None:
    """Copy the distributions that are *required*, and what they require, from our own environment."""
    for requirement in map(Requirement, required):
        if requirement.name in installed or (requirement.marker and not requirement.marker.evaluate()):
            continue
        installed.add(requirement.name)
        found = distribution(requirement.name)
        for file in found.files or ():
            if ".." not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                copy(file.locate(), packages / file)
        _install(found.requires or [], packages, installed)


def run(python: Path, program: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_client_is_alone(python: Path, environment: dict[str, str]) -> None:
    """Every module of `tidemill.contracts` is imported where nothing of a server is installed."""
    imported = set(run(python, IMPORT_ALL, environment).split())
    assert imported - {"__main__"} <= {
        "anyio",
        "certifi",
        "h11",
        "httpcore2",
        "httpx2",
        "idna",
        "msgspec",
        "tidemill",
        "truststore",
        "typing_extensions",
    }


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: f"line-{block.line}")
def test_the_examples_run(python: Path, environment: dict[str, str], block: Block) -> None:
    """Each example of the pages, as it stands there, against a running server."""
    assert run(python, block.text, environment).strip()
