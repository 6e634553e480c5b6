"""Directories as steps name them, and names as archives hold them."""

import os
from typing import NamedTuple

from .failure import ToolFailure, reason

_LONGEST_NAME = 4096


class Place(NamedTuple):
    """Where a step is done; the working directory is the process's own unless it is given."""

    home: str
    directory: str = ""

    def at(self, path: str) -> str:
        """*path* with `~` and `~/…` as the home; what is relative is so to the working directory."""
        if path == "~" or path.startswith("~/"):
            return self.home + path[1:]
        if path.startswith("~"):
            raise ToolFailure(f"{path!r}: `~user` is not known, only `~` and `~/…`")
        return os.path.join(self.directory, path)


def open_directory(path: str) -> int:
    """The directory at *path*, made with its parents when it is missing."""
    path = path or "."
    try:
        os.makedirs(path, 0o755, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ToolFailure(f"cannot make the directory {path}: {reason(error)}") from error


def elements(name: str) -> list[str]:
    """The elements of an entry's name; refuses a name that leads anywhere but down."""
    if name.startswith("/"):
        raise ToolFailure(f"the archive holds an absolute name: {name!r}")
    if "\0" in name or len(name) > _LONGEST_NAME:
        raise ToolFailure("the archive holds a name that no file can have")
    found = [element for element in name.split("/") if element not in ("", ".")]
    if ".." in found:
        raise ToolFailure(f"the archive holds a name with `..`: {name!r}")
    return found


def is_outward(target: str, depth: int) -> bool:
    """Whether a relative link, so many directories below the root of an archive, climbs out of it.

    What is kept and what is brought back are judged by this alone: nothing is kept that would be refused.
    """
    if target.startswith("/"):
        return False
    for element in target.split("/"):
        if element == "..":
            depth -= 1
        elif element not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def amount(count: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return (
        f"{count:,} {word}"
        if count == 1
        else f"{count:,} {word[:-1] + 'ies' if word[-1] == 'y' else word + 's'}"
    )


def size_text(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
