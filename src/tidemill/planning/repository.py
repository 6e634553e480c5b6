"""What an evaluation may see of the commit beside its configuration: other files, and what changed."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidemill.kit.formats.document import NotReadable


class Repository(Protocol):
    """The commit as the evaluation asks about it, one question at a time."""

    def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Contents of those *paths*, from the root, that are files; NotReadable when they cannot be had."""

    def changed(self) -> tuple[str, ...] | None:
        """Paths that the push or pull request changes; None when that is not known."""


class Commit:
    """A repository that is asked for each thing once."""

    def __init__(self, repository: Repository, changed: tuple[str, ...] | None) -> None:
        self._repository = repository
        self._files: dict[str, bytes | None] = {}
        self._changed = changed
        self._is_known = changed is not None

    def fetch(self, paths: Sequence[str]) -> None:
        """Ask for several files at once; `load` has them then."""
        missing = tuple(dict.fromkeys(path for path in paths if path not in self._files))
        if missing:
            found = self._repository.files(missing)
            self._files |= {path: found.get(path) for path in missing}

    def load(self, path: str) -> bytes:
        """The contents of a file; NotReadable when there is none."""
        self.fetch((path,))
        raw = self._files[path]
        if raw is None:
            raise NotReadable(
                f"there is no file `{path}` in the repository at this commit"
                " (a link that leads out of it is none)"
            )
        return raw

    def loaded(self, path: str) -> bytes | None:
        """The contents of a file that was loaded before; None for what only an error speaks of."""
        return self._files.get(path)

    def changed(self) -> tuple[str, ...] | None:
        """The changed files, if they are known."""
        if not self._is_known:
            self._changed, self._is_known = self._repository.changed(), True
        return self._changed
