"""Artifacts on their way in: a tar stream becomes the content of one object and what is where in it."""

import hashlib
from collections.abc import AsyncIterator

from tidemill.core.artifacts import LARGEST, MOST_FILES, path_fault
from tidemill.errors import BadRequest, TooLarge
from tidemill.kit.archive import Damaged
from tidemill.kit.tar_stream import Entry, entries
from tidemill.services.runservice.store.artifacts import File


class Gathering:
    """The files of a tar stream. Nothing of it is believed: not its names, not its sizes."""

    def __init__(self, archive: AsyncIterator[bytes]) -> None:
        self._archive = archive
        self._files: dict[str, File] = {}
        self._current: Entry | None = None
        self._hash = hashlib.sha256()
        self.size = 0
        self.left_out = 0
        """Links, which are not kept."""

    @property
    def files(self) -> list[File]:
        """All that has passed."""
        return list(self._files.values())

    async def contents(self) -> AsyncIterator[bytes]:
        """The content of the files, one behind the other; raises BadRequest and TooLarge."""
        try:
            async for piece in entries(self._archive):
                if isinstance(piece, Entry):
                    self._finish()
                    self._begin(piece)
                else:
                    self._hash.update(piece)
                    self.size += len(piece)
                    yield piece
            self._finish()
        except Damaged as damage:
            raise BadRequest(str(damage), code="damagedArchive") from damage

    def _begin(self, entry: Entry) -> None:
        if entry.kind == "link":
            self.left_out += 1
        if entry.kind in ("link", "directory"):
            return
        if fault := path_fault(entry.name):
            raise BadRequest(fault, code="badArtifactPath")
        if entry.name in self._files:
            raise BadRequest(f"the archive holds {entry.name!r} twice", code="badArtifactPath")
        if len(self._files) >= MOST_FILES:
            raise TooLarge(f"a step may keep {MOST_FILES:,} files at most: pack them into one")
        if self.size + entry.size > LARGEST:
            raise TooLarge(f"the files of a step may have {LARGEST:,} bytes at most")
        if entry.kind == "second name":
            self._name_again(entry)
        else:
            self._current = entry
            self._hash = hashlib.sha256()

    def _name_again(self, entry: Entry) -> None:
        first = self._files.get(entry.target)
        if first is None:
            raise BadRequest("the archive is damaged: a link to no file of it", code="damagedArchive")
        self._files[entry.name] = File(
            path=entry.name, start=first.start, size=first.size, sha256=first.sha256, mode=first.mode
        )

    def _finish(self) -> None:
        """The content of the current file is complete."""
        if self._current is not None:
            entry, self._current = self._current, None
            self._files[entry.name] = File(
                path=entry.name,
                start=self.size - entry.size,
                size=entry.size,
                sha256=self._hash.hexdigest(),
                mode=entry.mode,
            )
