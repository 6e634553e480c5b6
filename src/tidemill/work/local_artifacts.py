"""Artifacts in a directory, for runs without a server: the files of a tar stream, under their paths."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from anyio import to_thread

from tidemill.contracts.jobs import KeptArtifacts
from tidemill.core.artifacts import LARGEST, MOST_FILES, path_fault
from tidemill.errors import BadRequest, TooLarge
from tidemill.kit.archive import Damaged
from tidemill.kit.tar_stream import Entry, entries


async def keep_files(place: Path, archive: AsyncIterator[bytes]) -> KeptArtifacts:
    """Put the files of *archive* below *place*, in place of all that was there, at once.

    Links are not made, so that nothing can lead out of it.
    """
    aside = place.parent / f".{uuid4()}"
    aside.mkdir(parents=True)
    try:
        writing = _Writing(aside)
        try:
            async for piece in entries(archive):
                if isinstance(piece, Entry):
                    writing.begin(piece)
                else:
                    await to_thread.run_sync(writing.write, piece)
        except Damaged as damage:
            raise BadRequest(str(damage)) from damage
        finally:
            writing.end()
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return KeptArtifacts(files=writing.files, size=writing.size, left_out=writing.left_out)


class _Writing:
    """Files on their way below *root*."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file: BinaryIO | None = None
        self.files = 0
        self.size = 0
        self.left_out = 0

    def begin(self, entry: Entry) -> None:
        self.end()
        if entry.kind == "link":
            self.left_out += 1
        if entry.kind in ("link", "directory"):
            return
        for name in (entry.name, *([entry.target] if entry.kind == "second name" else [])):
            if fault := path_fault(name):
                raise BadRequest(fault)
        if self.files >= MOST_FILES:
            raise TooLarge(f"a step may keep {MOST_FILES:,} files at most: pack them into one")
        if self.size + entry.size > LARGEST:
            raise TooLarge(f"the files of a step may have {LARGEST:,} bytes at most")
        path = self._root / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files += 1
        if entry.kind == "second name":
            os.link(self._root / entry.target, path, follow_symlinks=False)
        else:
            self._file = path.open("xb")
            path.chmod(entry.mode | 0o600)

    def write(self, piece: bytes) -> None:
        assert self._file is not None, "content follows a file"
        self._file.write(piece)
        self.size += len(piece)

    def end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
