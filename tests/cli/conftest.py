"""The command line called as a user calls it, and one running server for all tests of it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from tests.system.server import Server, User
from tidemill.cli.app import run

NOWHERE = "http://127.0.0.1:1"
SECONDS = 60


class Answer(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr of a command that failed and printed nothing else."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        return line.removeprefix("tidemill: ")


Tidemill = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in [name for name in os.environ if name.startswith("TIDEMILL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def tidemill(capfd: pytest.CaptureFixture[str]) -> Tidemill:
    """Calls a command line in this process; answers exit code and output."""

    def call(*arguments: str) -> Answer:
        capfd.readouterr()
        code = run(arguments)
        return Answer(code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The whole system in one process."""
    running = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def alice(server: Server) -> User:
    return server.user("alice")


@pytest.fixture
def as_alice(alice: User, monkeypatch: pytest.MonkeyPatch) -> User:
    """The environment names the server and alice's token."""
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", alice.server.url)
    monkeypatch.setenv("TIDEMILL_TOKEN", alice.token)
    return alice


@pytest.fixture
def as_administrator(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names the server and the administrator's token."""
    monkeypatch.setenv("TIDEMILL_GATEWAY_URL", server.url)
    monkeypatch.setenv("TIDEMILL_TOKEN", server.admin_token)


def process(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | IO[str] = subprocess.PIPE,
) -> "subprocess.Popen[str]":
    """A command line in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tidemill", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=clean | dict(environment or {}),
        cwd=cwd,
    )


def completed(
    *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Answer:
    """What a command line in a process of its own came to."""
    started = process(*arguments, environment=environment, cwd=cwd)
    out, err = started.communicate(timeout=SECONDS)
    return Answer(started.returncode, out, err)
