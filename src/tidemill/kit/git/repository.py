"""A bare repository on disk: creating it, its refs, its HEAD, its advertisement, deleting it."""

import shutil
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import anyio
import anyio.to_thread

from tidemill.errors import Internal
from tidemill.kit.git.pktline import FLUSH, packet
from tidemill.kit.git.process import Process
from tidemill.kit.git.running import Git

Service = Literal["git-upload-pack", "git-receive-pack"]

_BRANCHES = "refs/heads/"
_DIFF_SECONDS = 10.0
_PACKING_SECONDS = 600.0
#: No git of ours holds a lock for as long.
_LOCK_SECONDS = 3600.0
_MOST_PATH_BYTES = 4 * 1024 * 1024


class Repository:
    """One bare repository, which may not exist yet."""

    def __init__(self, git: Git, path: Path) -> None:
        self._git = git
        self.path = path

    @property
    def exists(self) -> bool:
        return (self.path / "HEAD").is_file()

    async def create(self, *, staging: Path, branch: str = "main") -> None:
        """Create it, empty; it appears under its name at once and whole, by way of *staging*."""
        _make(staging)
        await self._git.run(
            staging, "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", "."
        )
        _move(staging, self.path)

    async def refs(self) -> dict[str, str]:
        """Every branch and tag with the hash it has; an annotated tag has that of its tag object."""
        listing = await self._git.run(
            self.path, "for-each-ref", "--format=%(objectname) %(refname)", _BRANCHES, "refs/tags/"
        )
        pairs = (line.split(" ", 1) for line in listing.decode(errors="replace").splitlines())
        return {ref: sha for sha, ref in pairs}

    async def dated_refs(self, below: Iterable[str]) -> list[tuple[str, str, float]]:
        """The refs under each of *below*: name, the commit that it leads to, and when that was made."""
        commit = "%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
        form = f"--format=%(refname) {commit} %(creatordate:unix)"
        listing = await self._git.run(self.path, "for-each-ref", form, *below)
        rows = (line.split(" ") for line in listing.decode(errors="replace").splitlines())
        return [(ref, sha, float(moment or 0)) for ref, sha, moment in rows]

    async def drop_ref(self, ref: str) -> None:
        """Remove a ref."""
        await self._git.run(self.path, "update-ref", "-d", ref)

    async def collect(self) -> None:
        """Pack what is needed and remove what no ref has led to for a day."""
        await self._git.run(self.path, "gc", "--quiet", "--prune=1.day.ago", timeout=_PACKING_SECONDS)

    def head(self) -> str:
        """The full ref that HEAD points to, whether it exists or not."""
        return (self.path / "HEAD").read_text().strip().removeprefix("ref: ")

    async def point_head(self, refs: Iterable[str]) -> None:
        """Let HEAD follow one of the branches among *refs*, which exist, if its own does not."""
        head = self.head()
        branches = sorted(ref for ref in refs if ref.startswith(_BRANCHES))
        if not branches or head in branches or (self.path / head).is_file() or head in await self.refs():
            return
        usual = f"{_BRANCHES}master"
        await self._git.run(self.path, "symbolic-ref", "HEAD", usual if usual in branches else branches[0])

    async def advertisement(self, service: Service, *, protocol: str = "") -> bytes:
        """The answer to `info/refs?service=…`."""
        command = service.removeprefix("git-")
        output = bytearray()
        async with self._git.process(
            self.path, [command, "--stateless-rpc", "--advertise-refs", "."], protocol=protocol
        ) as process:
            process.end_input()
            while block := await process.read():
                output += block
        if service == "git-upload-pack" and output.startswith(packet(b"version 2\n")):
            return bytes(output)  # protocol v2 announces itself
        return packet(f"# service={service}\n".encode()) + FLUSH + output

    async def changed(self, old: str, new: str, *, most: int) -> list[str] | None:
        """Paths of files that differ between two commits, both names of a moved one; None beyond *most*."""
        output = bytearray()
        arguments = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new, "--"]
        with anyio.move_on_after(_DIFF_SECONDS) as scope:
            async with self._git.process(self.path, arguments) as process:
                process.end_input()
                while block := await process.read():
                    output += block
                    if len(output) > _MOST_PATH_BYTES or output.count(0) > most:
                        return None
                code = await process.wait()
                complaint = process.complaint()
        if scope.cancelled_caught:
            raise Internal(f"git diff-tree did not end within {_DIFF_SECONDS:g} s")
        if code:
            raise Internal(f"git diff-tree failed: {complaint or f'exit code {code}'}")
        return [path.decode("utf-8", "replace") for path in bytes(output).split(b"\0")[:-1]]

    @asynccontextmanager
    async def sending(self, *, protocol: str = "") -> AsyncIterator[Process]:
        """A git that answers one request of a clone or fetch from its standard input."""
        arguments = ["upload-pack", "--stateless-rpc", "."]
        async with self._git.process(self.path, arguments, protocol=protocol) as process:
            yield process

    @asynccontextmanager
    async def receiving(
        self, *, is_large: bool, protocol: str = "", most: int | None = None
    ) -> AsyncIterator[Process]:
        """A git that receives one push from its standard input; it refuses one of more than *most* bytes.

        A large push is kept as the pack that it is (for 200 MB 1.1 s, in little memory); a small one is
        unpacked, since very many small packs would make every reader slow (for 200 MB 4.5 s).
        """
        keep = ["-c", "receive.unpackLimit=1"] if is_large else []
        bound = [] if most is None else ["-c", f"receive.maxInputSize={most}"]
        arguments = [*keep, *bound, "receive-pack", "--stateless-rpc", "."]
        async with self._git.process(self.path, arguments, protocol=protocol) as process:
            yield process

    async def break_locks(self) -> list[Path]:
        """Remove the locks of gits that died with them an hour ago or more; answers those.

        A lock that a power cut has left keeps everybody from its ref for ever.
        """
        return await anyio.to_thread.run_sync(_break_locks, self.path)

    async def pack(self) -> None:
        """Put loose refs and loose objects into packs; nothing is removed, and pushes go on meanwhile.

        Each ref of a push is a file of its own, and so is each object of a small one: both slow every
        later push and clone until they are packed.
        """
        tasks = [f"--task={task}" for task in ("pack-refs", "loose-objects", "incremental-repack")]
        await self._git.run(self.path, "maintenance", "run", "--quiet", *tasks, timeout=_PACKING_SECONDS)

    async def delete(self, *, staging: Path) -> None:
        """Remove it; it is gone under its name at once. Doing it again is harmless."""
        if self.exists:
            _move(self.path, staging)
            await anyio.to_thread.run_sync(shutil.rmtree, staging)


def _break_locks(directory: Path) -> list[Path]:
    born_before = time.time() - _LOCK_SECONDS
    beside = (*directory.glob("*.lock"), *directory.glob("objects/*.lock"), *directory.glob("refs/**/*.lock"))
    stale = [path for path in beside if path.stat().st_mtime < born_before]
    for path in stale:
        path.unlink(missing_ok=True)
    return stale


def _make(directory: Path) -> None:
    directory.mkdir(parents=True)


def _move(directory: Path, name: Path) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    directory.rename(name)
