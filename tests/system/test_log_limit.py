"""Steps that print too much, too fast, or all in one line."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.server import Project, Server, Work, config
from tests.system.test_big_log import peak_memory

LIMIT = 16 << 20
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its logs hold 16 MiB."""
    limit = {"TIDEMILL_EXECUTOR_LOG_LIMIT": str(LIMIT)}
    running = Server(tmp_path_factory.mktemp("server") / "data", environment=limit).start()
    yield running
    assert running.stop() == 0
    running.clear_away()


def ran(work: Work, *commands: str, **step: object) -> Project:
    """A project whose first run prints that, without a terminal."""
    steps = [
        {"run": {"name": f"step {i}", "command": c, "tty": False} | step} for i, c in enumerate(commands)
    ]
    work.commit(config("", steps=steps))
    work.push()
    return work.project


def test_a_noisy_endless_loop_ends_at_its_timeout(server: Server, work: Work) -> None:
    """Its log holds what fits and says what is missing; disk and memory do not grow with what it prints."""
    project = ran(work, "yes 'all work and no play'", timeout="3s")
    on_disk = 0
    for _ in project.states(1):
        outputs = (server.data / "executor" / "pods").glob("*/steps/*/output")
        on_disk = max([on_disk, *(path.stat().st_size for path in outputs)])
    assert project.run(1)["result"] == "failed"
    log = project.log(1, "task", 0)
    marker = b"\n--- the log has reached its limit of 16 MiB; what follows is left out ---\n"
    assert log[LIMIT:].startswith(marker)
    missing = re.search(rb"--- ([\d,]+) bytes are left out ---\n", log[LIMIT:])
    assert missing
    assert int(missing[1].replace(b",", b"")) > MIB
    assert log.endswith(b"\nthe step's time limit of 3 s is over\n")
    assert len(log) < LIMIT + 300
    assert on_disk <= LIMIT
    assert peak_memory(server.pid) < 200 * MIB


def test_a_server_that_dies_in_a_flood_goes_on_with_the_same_log(
    server: Server, work: Work, gate: Path
) -> None:
    """What is left out is counted meanwhile, and what was cut off is said once."""
    flood = f"yes & flood=$!\nwhile [ ! -e {gate} ]; do sleep 0.05; done\nkill $flood"
    project = ran(work, flood, "echo next")
    seen = b""
    for block in project.log_blocks(1, "task", 0):
        seen = seen[-100:] + block
        if b"left out" in seen:
            break
    server.kill()
    server.start()
    gate.touch()
    assert project.finished(1)["result"] == "success"
    log = project.log(1, "task", 0)
    assert log[:LIMIT] == b"y\n" * (LIMIT // 2)
    marker = rb"\n--- the log has reached its limit of 16 MiB; what follows is left out ---\n"
    assert re.fullmatch(marker + rb"--- [\d,]+ bytes are left out ---\n", log[LIMIT:])
    assert project.log(1, "task", 1) == b"next\n"


def test_a_line_of_ten_megabytes_is_whole(work: Work) -> None:
    """To the byte."""
    project = ran(work, "head -c 10485760 /dev/zero | tr '\\0' x; echo; echo after")
    assert project.finished(1)["result"] == "success"
    assert project.log(1, "task", 0) == b"x" * (10 * MIB) + b"\nafter\n"


def test_a_hundred_thousand_lines_a_second_are_whole(work: Work) -> None:
    """For several seconds' worth, as fast as they come; the next step's log stands beside it."""
    project = ran(work, "seq 1 500000", "echo next")
    assert project.finished(1)["result"] == "success"
    lines = project.log(1, "task", 0).split(b"\n")
    assert (len(lines), lines[499_999], lines[500_000]) == (500_001, b"500000", b"")
    assert project.log(1, "task", 1) == b"next\n"
