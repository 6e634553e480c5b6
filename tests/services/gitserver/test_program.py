"""The gitserver in a process of its own: its memory under large pushes, and being killed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.services.gitserver.hosting import TOKEN, Hosting, User
from tests.services.gitserver.program import database_url
from tidemill.kit.db import Database
from tidemill.services.gitserver.service import MIGRATIONS

pytestmark = pytest.mark.anyio

NONE = "0" * 40
MEGABYTE = 1024 * 1024
LARGE = 200 * MEGABYTE


class Program:
    """A running gitserver."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.url = f"http://any:{TOKEN}@{address}/git/user/alice/hello.git"

    def peak(self) -> int:
        """The most memory that it has held, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")


@contextmanager
def running(directory: Path, *arguments: str) -> Iterator[Program]:
    directory.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.services.gitserver.program", str(directory), *arguments]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield Program(process, process.stdout.readline().strip())
        finally:
            process.kill()


async def user_of(program: Program, directory: Path) -> User:
    user = User.in_new(directory, program.url)
    await user.git("init", "-q", "-b", "main")
    await user.git("config", "core.compression", "0")
    await user.git("config", "core.bigFileThreshold", "1m")  # the client's time is not what is tested
    await user.git("remote", "add", "origin", user.url)
    return user


async def test_a_large_push_passes_in_constant_memory(tmp_path: Path) -> None:
    """200 MB are pushed and cloned while the server holds a few megabytes of them."""
    with running(tmp_path / "data") as program:
        user = await user_of(program, tmp_path / "work")
        await user.commit("small")
        await user.git("push", "-q", "origin", "main")
        before = program.peak()
        for i in range(4):
            await user.commit(f"large{i}", os.urandom(LARGE // 4))
        await user.git("push", "-q", "origin", "main")
        await user.git("clone", "-q", "--bare", program.url, str(tmp_path / "clone"))
        assert program.peak() - before < 20 * MEGABYTE
        assert list((tmp_path / "data").rglob("*.pack"))  # kept as it came, not unpacked
        assert await User(tmp_path / "clone", "").head() == await user.head()


async def test_killed_between_refs_and_telling(tmp_path: Path) -> None:
    """The refs are moved, the gateway has not answered, kill -9: after the restart the push is told."""
    with running(tmp_path / "data", "held") as program:
        user = await user_of(program, tmp_path / "work")
        sha = await user.commit()
        pushing = asyncio.create_task(user.git("push", "-q", "origin", "main", ok=False))
        ref = tmp_path / "data" / "repositories" / "lo" / "p-hello.git" / "refs" / "heads" / "main"
        with anyio.fail_after(20):
            while not ref.exists():
                await anyio.lowlevel.checkpoint()
        program.process.kill()
        await pushing
    database = await Database.open(database_url(tmp_path / "data"), name="gitserver", migrations=MIGRATIONS)
    async with Hosting(tmp_path / "data", database).running() as hosting:
        await hosting.deliver()
        (push,) = hosting.gateway.pushes
        assert (push.pusher, hosting.gateway.moved()) == ("alice", [("refs/heads/main", NONE, sha)])
    await database.close()
