"""Where the files of a commit come from: another service, or a working tree."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Source(Protocol):
    """The files of one commit. What keeps it from answering it raises; that never means "no such file"."""

    async def files(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Contents of those *paths*, from the root, that are files; TooLarge for one beyond its limit.

        A link is followed as long as it stays inside the repository; one that leads out is not a file.
        """

    async def changed(self) -> tuple[str, ...] | None:
        """Paths that the push or pull request changes; None when that is not known."""
