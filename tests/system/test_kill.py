"""kill -9 at any moment loses nothing that was acknowledged and repeats nothing."""

import random
from pathlib import Path

import httpx2

from tests.system.server import Project, Server, Work, config

KILLS = 20
LINES = 200
TICKER = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); sleep 0.1; done"


def watch_until(project: Project, number: int, line: int) -> bytes:
    """Follow the log until *line* has been read; answers everything that was read."""
    received = b""
    try:
        for block in project.log_blocks(number, "task", 0):
            received += block
            if f"line {line}\r\n".encode() in received:
                break
    except httpx2.HTTPError:
        pass  # the server was killed under the reader; what was read was acknowledged
    return received


def test_twenty_kills_at_random_moments(tmp_path: Path) -> None:
    """Twenty kills during 20 s tasks: each task is found again and ends, each byte stands once, pushes go on.

    Moments are random lines of the log, several kills to a task; the seed is printed on failure.
    """
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    server = Server(tmp_path / "data").start()
    try:
        work = Work(tmp_path / "work", server.user("alice").project("hello"))
        expected = "".join(f"line {i}\r\n" for i in range(LINES)).encode()
        kills = 0
        number = 0
        while kills < KILLS:
            number += 1
            work.commit(config(TICKER), f"run {number}")
            work.push()
            for line in sorted(moments.sample(range(LINES - 10), min(7, KILLS - kills))):
                received = watch_until(work.project, number, line)
                server.kill()
                kills += 1
                server.start()
                now = work.project.log(number, "task", 0)
                assert now.startswith(received), f"an acknowledged byte is gone or changed (seed {seed})"
            run = work.project.finished(number)
            (task,) = run["tasks"].values()
            log = work.project.log(number, "task", 0)
            assert task["status"] == "success", f"the task was not found again (seed {seed})"
            assert log == expected
        assert [run["number"] for run in work.project.runs()] == list(range(number, 0, -1))
    finally:
        server.stop()
        server.clear_away()
