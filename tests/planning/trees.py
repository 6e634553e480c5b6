"""Commits of words: files that a test has written down, and what is asked of them."""

from collections.abc import Mapping, Sequence

from tidemill.errors import TooLarge
from tidemill.planning.source import Source

_LARGEST = 1024 * 1024


class Tree(Source):
    """A source that answers from a dict and remembers its questions."""

    def __init__(self, files: Mapping[str, bytes], changed: tuple[str, ...] | None = None) -> None:
        self.contents = dict(files)
        self.changes = changed
        self.asked: list[tuple[str, ...]] = []
        self.asked_for_changes = 0

    async def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        self.asked.append(tuple(paths))
        return self.look_up(paths)

    async def changed(self) -> tuple[str, ...] | None:
        self.asked_for_changes += 1
        return self.changes

    def look_up(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The files, as every source gives them."""
        found = {path: self.contents[path] for path in paths if path in self.contents}
        for path, raw in found.items():
            if len(raw) > _LARGEST:
                raise TooLarge(f"{path} has {len(raw)} bytes, more than the {_LARGEST} allowed")
        return found


class Shelf:
    """The same for an evaluation in this process."""

    def __init__(self, files: Mapping[str, bytes], changed: tuple[str, ...] | None = None) -> None:
        self._tree = Tree(files, changed)
        self.asked_for_changes = 0

    def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return self._tree.look_up(paths)

    def changed(self) -> tuple[str, ...] | None:
        self.asked_for_changes += 1
        return self._tree.changes
