"""Logs of a run that happens here: a file for each step, and its lines to whoever shows the run."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tidemill.core.logs.marks import Mark
from tidemill.errors import TooLarge
from tidemill.work.shipping import LogGap

_LONGEST_LINE = 64 << 10


class LocalLog:
    """The log sink of one task."""

    def __init__(self, directory: Path, show: Callable[[str], None]) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._show = show
        self._lengths: dict[int, int] = {}
        self._begun: dict[int, bytes] = {}

    async def append(
        self,
        step: int,
        offset: int,
        data: bytes,
        seen: Sequence[Mark] = (),  # noqa: ARG002 - times are not kept here
    ) -> int:
        """Store *data* of a step from *offset* on; answers the length stored."""
        length = self._lengths.get(step, 0)
        if offset > length:
            raise LogGap(length)
        fresh = data[length - offset :]
        try:
            with self.file(step).open("ab") as file:
                file.write(fresh)
        except OSError as error:  # final: nobody makes room while we ask again
            raise TooLarge(f"{self.file(step)}: {error.strerror}") from error
        self._lengths[step] = length + len(fresh)
        self._tell(step, fresh)
        return length + len(fresh)

    async def end(self, step: int) -> int:
        """How many bytes of a step's log are stored."""
        return self._lengths.get(step, 0)

    def file(self, step: int) -> Path:
        """Where a step's log is; the setup's is step -1."""
        return self._directory / f"{step}.log"

    def finish(self) -> None:
        """Show the lines that have no end."""
        for step, rest in self._begun.items():
            if rest and step >= 0:
                self._show(_text(rest))
        self._begun.clear()

    def last_lines(self, step: int, count: int, most: int = 16 << 10) -> list[str]:
        """The end of a step's log."""
        path = self.file(step)
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most), os.SEEK_SET)
            lines = file.read().rstrip(b"\n").split(b"\n")
            return [_text(line) for line in lines[-count:]] if any(lines) else []

    def _tell(self, step: int, data: bytes) -> None:
        if step < 0:
            return
        *lines, rest = (self._begun.get(step, b"") + data).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        self._begun[step] = rest
        for line in lines:
            self._show(_text(line))


def _text(data: bytes) -> str:
    """A line as a terminal ends up showing it: what a carriage return goes back over is written anew."""
    return data.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
