"""Local files that are written aside, forced to the disk, and only then given their final name.

obstore writes aside and renames too, but has no way to ask for the fsync.
"""

import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

from anyio import to_thread

from tidemill.errors import BadRequest
from tidemill.kit.objects.failing import failures

STAGING = ".staging"
_WRITE_BLOCK = 1024 * 1024
_STALE_SECONDS = 24 * 3600


class _Aside:
    """One such file on its way."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # obstore does not list names that end with # and digits
        self._path = root / STAGING / f"{secrets.token_hex(8)}#1"
        self._file = self._path.open("xb", buffering=0)

    def write(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._file.fileno(), rest) :]

    def name(self, name: str, *, replace: bool) -> bool:
        """Give it its name; False when there is such an object and it shall stay."""
        os.fsync(self._file.fileno())
        final = self._root / name
        made = [folder for folder in final.parents if self._root in folder.parents and not folder.exists()]
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            if replace:
                self._path.replace(final)
            else:
                final.hardlink_to(self._path)
        except FileExistsError:
            return False
        for folder in [final.parent, *(folder.parent for folder in made)]:
            _force(folder)
        return True

    def close(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def put_bytes(root: Path, name: str, data: bytes, *, replace: bool) -> bool:
    """Store *data* under *name*; False when there is such an object and it shall stay."""
    with failures(name), closing(_Aside(root)) as aside:
        aside.write(data)
        return aside.name(name, replace=replace)


async def put_stream(root: Path, name: str, chunks: AsyncIterator[bytes]) -> None:
    """Store what *chunks* give under *name*, in place of what may be there."""
    with failures(name):
        aside = await to_thread.run_sync(_Aside, root)
    try:
        async for block in _blocks(chunks):
            with failures(name):
                await to_thread.run_sync(aside.write, block)
        with failures(name):
            await to_thread.run_sync(partial(aside.name, name, replace=True))
    finally:
        aside.close()


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that are worth a thread."""
    gathered = bytearray()
    async for chunk in chunks:
        gathered += chunk
        if len(gathered) >= _WRITE_BLOCK:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _force(folder: Path) -> None:
    """Make the names in *folder* durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prepare(root: Path) -> None:
    """Make the folder, and remove what a crash has left half-written long ago."""
    staging = root / STAGING
    try:
        staging.mkdir(parents=True, exist_ok=True)
        for left in staging.iterdir():
            if left.stat().st_mtime < time.time() - _STALE_SECONDS:
                left.unlink(missing_ok=True)
    except OSError as error:
        raise BadRequest(f"object store: {root} cannot be used: {error.strerror}") from error
