"""One process at a time in a data directory."""

import fcntl
import os
from pathlib import Path

from tidemill.errors import BadRequest, Conflict


class FileLock:
    """Held from its making until it is released or the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadRequest(
                f"{path.parent} cannot be used as data directory: {error.strerror}; choose another"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 20).decode(errors="replace").strip() or "of unknown number"
            os.close(self._file)
            raise Conflict(
                f"{path.parent} is in use by another process ({holder}); stop that one,"
                " or choose another data directory",
                code="dataDirectoryInUse",
            ) from error
        os.ftruncate(self._file, 0)
        os.write(self._file, f"pid {os.getpid()}\n".encode())

    def release(self) -> None:
        """Let another process have it."""
        os.close(self._file)
