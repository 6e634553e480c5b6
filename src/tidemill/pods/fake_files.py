"""The files of a pod of words: real ones in a directory of its own, for chores that are really done."""

import io
import shutil
import tempfile
from pathlib import Path

from tidemill.kit.toolbox.failure import ToolFailure
from tidemill.kit.toolbox.packing import Content, pack
from tidemill.kit.toolbox.places import Place
from tidemill.kit.toolbox.templates import render
from tidemill.kit.toolbox.unpacking import unpack
from tidemill.pods import Chore, Pack, Render, Unpack


class FakeFiles:
    """A home, made when it is needed, and the archives of chores by their keys."""

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self._home: Path | None = None

    def write(self, directory: str, path: str, text: str = "") -> None:
        """Make a file with a line."""
        file = Path(self._place(directory).at(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def content(self, directory: str, path: str) -> bytes:
        """What stands in a file, or that there is none."""
        try:
            return Path(self._place(directory).at(path)).read_bytes()
        except FileNotFoundError:
            return f"cat: {path}: No such file or directory\n".encode()

    def do(self, chore: Chore, output: bytearray) -> int:
        """Do a chore; answers its exit code."""

        def say(line: str) -> None:
            output.extend(line.encode() + b"\n")

        place = self._place(chore.working_dir)
        try:
            match chore.order:
                case Pack(contents):
                    archive = io.BytesIO()
                    pack(archive, [Content(c.source_dir, c.dest_dir, c.paths) for c in contents], place, say)
                    self.archives[chore.key] = archive.getvalue()
                case Unpack(dest_dir):
                    unpack(io.BytesIO(self.archives[chore.key]), place.at(dest_dir), say)
                case Render(template):
                    self.archives[chore.key] = render(template, chore.environment, place).encode()
        except ToolFailure as failure:
            say(str(failure))
            return 1
        return 0

    def remove(self) -> None:
        """Be gone."""
        if self._home is not None:
            shutil.rmtree(self._home)
            self._home = None

    def _place(self, directory: str) -> Place:
        if self._home is None:
            self._home = Path(tempfile.mkdtemp(prefix="tidemill-fake-"))
        place = Place(str(self._home), Place(str(self._home), str(self._home)).at(directory))
        Path(place.directory).mkdir(parents=True, exist_ok=True)
        return place
