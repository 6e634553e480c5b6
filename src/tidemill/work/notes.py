"""The log of a step that is ours: lines kept on disk, so that another life goes on with the same text."""

import contextlib
from pathlib import Path

import msgspec
import structlog

from tidemill.work.output import Text

log = structlog.get_logger()

_lines = msgspec.json.Decoder(list[str])


class Notes(Text):
    """Lines of one step. What an earlier life has said is not said again when the step is done again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[str] = []
        with contextlib.suppress(OSError, msgspec.DecodeError):
            self._kept = _lines.decode(path.read_bytes())
        self._at = 0
        super().__init__("".join(self._kept))

    def say(self, line: str) -> None:
        """Add a line, or go past one that was said before in its place."""
        self._at += 1
        if self._at <= len(self._kept):
            return
        self._kept.append(line.rstrip("\n") + "\n")
        try:
            beside = self._path.with_suffix(".new")
            beside.write_bytes(msgspec.json.encode(self._kept))
            beside.replace(self._path)
        except OSError as error:
            log.warning("a step's log cannot be kept", path=str(self._path), error=str(error))
        super().say(line)
