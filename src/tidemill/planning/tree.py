"""The files of a working tree, as it is now, for planning without a server."""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from anyio import to_thread

from tidemill.errors import BadRequest, TooLarge

MOST_BYTES = 1024 * 1024
"""Of one file."""
_GIT = ".git"
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)


class WorkingTree:
    """A source whose files lie below *root*; nothing outside of it is ever read."""

    def __init__(self, root: Path, changed: Sequence[str] | None = None) -> None:
        self._root = root.resolve()
        self._changed = None if changed is None else tuple(changed)

    async def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Contents of those *paths* that are files; BadRequest for one that cannot be read."""
        return await to_thread.run_sync(self._read_all, tuple(paths))

    async def changed(self) -> tuple[str, ...] | None:
        """The changed files, if somebody has said which."""
        return self._changed

    def _read_all(self, paths: tuple[str, ...]) -> dict[str, bytes]:
        found = ((path, self._read(path)) for path in paths)
        return {path: raw for path, raw in found if raw is not None}

    def _read(self, path: str) -> bytes | None:
        try:
            place = (self._root / path).resolve()
        except (RuntimeError, ValueError):
            return None  # links in a circle, or no path at all
        if not place.is_relative_to(self._root):
            return None  # a link leads out: not a file of this repository
        if _GIT in place.relative_to(self._root).parts:
            return None  # what git keeps is in no commit, and may hold credentials
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise BadRequest(f"{place} cannot be read: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            raw = _read_all(descriptor, MOST_BYTES + 1)
        except OSError as error:
            raise BadRequest(f"{place} cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)
        if len(raw) > MOST_BYTES:
            raise TooLarge(f"{path} has more than {MOST_BYTES} bytes, which is the most that is read")
        return raw


def _read_all(descriptor: int, most: int) -> bytes:
    """What can be read, up to *most* bytes."""
    parts = []
    while most and (part := os.read(descriptor, most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
