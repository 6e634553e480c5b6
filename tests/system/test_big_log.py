"""A log of 100 MB arrives to the byte, in constant memory."""

import hashlib
from pathlib import Path

import pytest

from tests.system.server import Project, Server, User, Work, config

SIZE = 100 * 1024 * 1024
LIMIT = 200 * 1024 * 1024
# A block of pseudo-random text, repeated; the step prints it without a terminal, byte for byte.
PRINT = f"""python - <<'END'
import os, random
block = random.Random(7).randbytes(786432).hex().encode()[:1048575] + b"\\n"
for _ in range({SIZE // (1024 * 1024)}):
    os.write(1, block)
END"""


def digest() -> str:
    import random  # noqa: PLC0415 - beside the script above, which it repeats

    block = random.Random(7).randbytes(786432).hex().encode()[:1048575] + b"\n"
    whole = hashlib.sha256()
    for _ in range(SIZE // (1024 * 1024)):
        whole.update(block)
    return whole.hexdigest()


def peak_memory(pid: int) -> int:
    """The most memory that a process ever held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.fixture
def logged(alice: User, tmp_path: Path) -> Project:
    """A project whose first run prints the big log."""
    work = Work(tmp_path / "work", alice.project("big"))
    command = {"run": {"name": "print", "command": PRINT, "tty": False}}
    work.commit(config("true", steps=[command]))
    work.push()
    return work.project


def test_a_big_log_is_exact(server: Server, logged: Project) -> None:
    """A follower and a later reader get the same bytes; the server stays below 200 MB."""
    followed = hashlib.sha256()
    for block in logged.log_blocks(1, "task", 0):
        followed.update(block)
    assert logged.finished(1)["result"] == "success"
    assert followed.hexdigest() == digest()
    read = hashlib.sha256(logged.log(1, "task", 0)).hexdigest()
    assert read == digest()
    assert peak_memory(server.pid) < LIMIT
