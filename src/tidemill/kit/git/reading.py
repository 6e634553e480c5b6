"""Reading objects out of repositories through warm `git cat-file --batch` processes.

Starting a git costs 1.5 ms, asking a running one for four objects 0.2 ms (measured).
"""

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import msgspec

from tidemill.errors import Internal, TooLarge
from tidemill.kit.git.process import Process
from tidemill.kit.git.running import Git

#: Processes kept although nobody asks them anything.
MAX_IDLE = 16
#: Bytes of names given to a process before its answers are read; a name may not be longer.
_PORTION = 32 * 1024
_ARGUMENTS = ("cat-file", "--batch", "--follow-symlinks")
#: How a batch process says that there is nothing to read under a name.
_ABSENT = re.compile(rb"(symlink|dangling|loop|notdir) (\d+)\n")
_FOUND = re.compile(rb"([0-9a-f]{40,64}) (\w+) (\d+)\n")


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """A blob, tree, commit or tag."""

    sha: str
    kind: str
    data: bytes
    """Nothing for a tree: what is in it is asked for by path."""


class Batch:
    """One `cat-file --batch` process of one repository."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._buffer = bytearray()
        self.idle_since = 0.0

    async def read(self, names: Sequence[str], *, limit: int) -> list[Object | None]:
        """The objects that *names* stand for, None where there is none."""
        answers = []
        for some in _portions(names):
            await self._process.write("".join(f"{name}\n" for name in some).encode())
            answers += [await self._answer(name, limit) for name in some]
        return answers

    async def _answer(self, name: str, limit: int) -> Object | None:
        line = await self._line()
        if line.endswith((b" missing\n", b" ambiguous\n")):
            return None
        if absent := _ABSENT.fullmatch(line):
            await self._skip(int(absent[2]) + 1)
            return None
        found = _FOUND.fullmatch(line)
        if found is None:
            raise Internal(f"git answered {line[:200]!r} when asked for {name!r}")
        size = int(found[3])
        if found[2] == b"tree":
            await self._skip(size + 1)
            return Object(sha=found[1].decode(), kind="tree", data=b"")
        if size > limit:
            raise TooLarge(
                f"{name.partition(':')[2] or name} has {size} bytes, more than the {limit} allowed"
            )
        data = await self._exactly(size + 1)
        return Object(sha=found[1].decode(), kind=found[2].decode(), data=data[:-1])

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            await self._more()
        return self._take(end + 1)

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more()
        return self._take(size)

    async def _skip(self, size: int) -> None:
        while size > len(self._buffer):
            size -= len(self._buffer)
            self._buffer.clear()
            await self._more()
        del self._buffer[:size]

    async def _more(self) -> None:
        block = await self._process.read()
        if not block:
            raise Internal(f"git ended while it was read from: {self._process.complaint()}")
        self._buffer += block

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    @property
    def is_usable(self) -> bool:
        return self._process.is_running and not self._buffer

    async def close(self) -> None:
        await self._process.close()


def _portions(names: Sequence[str]) -> Iterator[list[str]]:
    """As many names at once as its input pipe holds; more could leave both sides waiting to write."""
    portion: list[str] = []
    size = 0
    for name in names:
        size += len(name.encode()) + 1
        if portion and size > _PORTION:
            yield portion
            portion, size = [], len(name.encode()) + 1
        portion.append(name)
    yield portion


class ObjectReader:
    """Reads objects of any repository; a process that failed or was interrupted is not used again."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._idle: list[tuple[Path, Batch]] = []

    async def read(
        self,
        repository: Path,
        names: Sequence[str],
        *,
        limit: int,
        timeout: float = 10.0,  # noqa: ASYNC109 - the deadline is the caller's
    ) -> list[Object | None]:
        """The objects that *names* stand for, None where there is none; TooLarge beyond *limit* bytes.

        Names are given to git as they are: the caller has made sure that they mean what they should.
        """
        if any("\n" in name or "\0" in name or len(name.encode()) >= _PORTION for name in names):
            raise ValueError("a name is one line of moderate length")
        batch = self._take(repository)
        is_whole = False
        try:
            with anyio.move_on_after(timeout):
                answer = await batch.read(names, limit=limit)
                is_whole = True
                return answer
        finally:
            if is_whole:
                await self._give_back(repository, batch)
            else:
                await batch.close()
        raise Internal(f"git did not answer within {timeout:g} s")

    async def warm(self, repository: Path) -> None:
        """Start a process for a repository that will soon be read."""
        if not any(path == repository for path, _ in self._idle):
            await self._give_back(repository, self._start(repository))

    async def forget(self, repository: Path) -> None:
        """End the processes of a repository that is about to go."""
        await self._end([pair for pair in self._idle if pair[0] == repository])

    async def close_idle(self, seconds: float) -> None:
        """End the processes that nobody has asked for *seconds*."""
        before = time.monotonic() - seconds
        await self._end([pair for pair in self._idle if pair[1].idle_since <= before])

    async def close(self) -> None:
        await self._end(list(self._idle))

    def _take(self, repository: Path) -> Batch:
        for i in reversed(range(len(self._idle))):
            path, batch = self._idle[i]
            if path == repository:
                del self._idle[i]
                if batch.is_usable:
                    return batch
        return self._start(repository)

    def _start(self, repository: Path) -> Batch:
        return Batch(self._git.start(repository, _ARGUMENTS))

    async def _give_back(self, repository: Path, batch: Batch) -> None:
        batch.idle_since = time.monotonic()
        self._idle.append((repository, batch))
        await self._end(self._idle[:-MAX_IDLE])

    async def _end(self, pairs: list[tuple[Path, Batch]]) -> None:
        for pair in pairs:
            if pair in self._idle:
                self._idle.remove(pair)
        for _, batch in pairs:
            await batch.close()
