"""F17 and F18: steps that say too much: for ever, very fast, or all in one line (host driver)."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DatabaseUrl
from tests.faults.conftest import Install
from tests.system.server import Work, config

#: Seconds between TERM and KILL of a step, and for a busy machine to do what follows.
GRACE, ALLOWANCE = 3.0, 12.0
LIMIT = 1.0
LINES_A_BATCH, BATCHES = 10_000, 20
LONG_LINE = 10_000_000
#: A fifth of a second's lines at a time, ten times a second: 100,000 lines a second.
FLOOD = f"""python - <<'END'
import os, time
began = time.monotonic()
for batch in range({BATCHES}):
    first = batch * {LINES_A_BATCH}
    data = b"".join(b"line %d\\n" % number for number in range(first, first + {LINES_A_BATCH}))
    while data:
        data = data[os.write(1, data):]
    time.sleep(max(0.0, began + (batch + 1) / 10 - time.monotonic()))
END"""
LONG = f"""python - <<'END'
import os
data = b"0123456789" * {LONG_LINE // 10}
while data:
    data = data[os.write(1, data):]
END"""


@pytest.fixture
def database_url(tmp_path: Path) -> DatabaseUrl:
    """How steps are ended has nothing to do with the database."""
    return lambda name: f"sqlite:///{tmp_path / name}.db"


def expected_flood() -> Iterator[bytes]:
    for batch in range(BATCHES):
        first = batch * LINES_A_BATCH
        yield b"".join(b"line %d\n" % number for number in range(first, first + LINES_A_BATCH))


def expected_line() -> Iterator[bytes]:
    yield b"0123456789" * (LONG_LINE // 10)


def digest(blocks: Any) -> tuple[int, str]:
    """How much there is, and its hash."""
    whole, size = hashlib.sha256(), 0
    for block in blocks:
        whole.update(block)
        size += len(block)
    return size, whole.hexdigest()


def test_noise_is_stopped_when_its_time_is_over(install: Install, tmp_path: Path) -> None:
    """F17: loops that never end and never stop printing, one of which ignores TERM, end at their limit."""
    installation = install()
    installation.executor("host")
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    for number, trap in enumerate(("", "trap '' TERM; "), start=1):
        loop = {"name": "noise", "command": f"{trap}while :; do echo noise; done", "timeout": f"{LIMIT:g}s"}
        work.commit(config("", steps=[{"run": loop}, {"run": {"command": "echo after", "always": True}}]))
        work.push()
        began = time.monotonic()
        run = project.finished(number)
        assert time.monotonic() - began < LIMIT + GRACE + ALLOWANCE
        assert run["result"] == "failed"
        (task,) = run["tasks"].values()
        steps = project.user.get(f"{project.ref}/runs/{number}/tasks/{task['id']}")["steps"]
        assert [step["phase"] for step in steps] == ["failed", "success"]
        log = project.log(number, "task", 0)
        noise, _, said = log.removesuffix(b"\n").rpartition(b"\n")
        assert said == b"the step's time limit of 1 s is over"
        assert len(noise) > 100_000, "it was no noise"
        assert set(noise.split(b"\r\n")[:-1]) == {b"noise"}
    installation.settled()


def test_much_at_once_is_exact(install: Install, tmp_path: Path) -> None:
    """F18: 100,000 lines a second, and 10 MB in one line: who follows and who comes later read the same bytes."""
    installation = install()
    installation.executor("host")
    installation.start()
    project = installation.front.user("alice").project("hello")
    work = Work(tmp_path / "work", project)
    steps = [{"run": {"name": "say", "command": script, "tty": False}} for script in (FLOOD, LONG)]
    work.commit(config("", steps=steps))
    work.push()
    for step, expected in enumerate((expected_flood, expected_line)):
        right = digest(expected())
        assert digest(project.log_blocks(1, "task", step)) == right
        assert digest([project.log(1, "task", step)]) == right
    assert project.finished(1)["result"] == "success"
    installation.settled()
