"""Which configuration is meant by a path on the command line, and how its files are named for people."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from tidemill.errors import BadRequest
from tidemill.planning.planned import AGOLA_FOLDER, CANDIDATES, TIDEMILL_FOLDER

_FOLDERS = (TIDEMILL_FOLDER, AGOLA_FOLDER)


class Target(NamedTuple):
    """A configuration: a file of the tree at *root*, or with None the first of its candidates."""

    root: Path
    file: str | None = None

    def shown(self, file: str) -> str:
        """The *file* of the tree as it is named from here."""
        place = Path(os.path.normpath(self.root / file))
        return str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place)

    def shadowed(self, read: str) -> list[str]:
        """Candidates in the folder of the one that was *read* that no server would read."""
        if self.file is not None or read not in CANDIDATES:
            return []
        folder = read.rpartition("/")[0]
        others = [path for path in CANDIDATES if path.startswith(f"{folder}/") and path != read]
        return [path for path in others if (self.root / path).is_file()]


def target(path: Path) -> Target:
    """What *path*, a file or a directory, means; BadRequest when nothing is there that can be read."""
    try:
        place = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name
        is_directory = stat.S_ISDIR(place.stat().st_mode)
    except (OSError, ValueError) as error:
        raise BadRequest(f"{path}: {_reason(error)}") from error
    if is_directory:
        return Target(find_root(place))
    if place.parent.name in _FOLDERS:
        return Target(place.parent.parent, f"{place.parent.name}/{place.name}")
    root = find_root(place.parent)
    return Target(root, (place.parent.resolve() / place.name).relative_to(root).as_posix())


def find_root(start: Path) -> Path:
    """The directory with a configuration: *start*, or the nearest above it within its repository."""
    start = start.resolve()
    if not start.is_dir():
        raise BadRequest(f"{start} is not a directory")
    for place in (start, *start.parents):
        try:
            if any((place / folder).is_dir() for folder in _FOLDERS) or (place / ".git").exists():
                return place
        except OSError as error:
            if place == start:
                raise BadRequest(f"{start}: {_reason(error)}") from error
    return start


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return (strerror or str(error)).lower()
