"""Where files of tasks are kept, for tasks that come after and for later runs; what may be asked of it."""

from collections.abc import AsyncIterator
from typing import Protocol

from tidemill.contracts.jobs import Archive, KeptArtifacts
from tidemill.core.reports import Reported


class Store(Protocol):
    """What one job may read and write. What is kept, is kept whole or not at all.

    Raises `Fenced`; `errors.BadRequest`, `errors.TooLarge` and `errors.NotFound` are final, and every
    other failure is answered by asking again.
    """

    async def workspaces(self) -> tuple[Archive, ...]:
        """What the tasks before this one have kept, by their level, their name, and the step."""
        ...

    async def save_workspace(self, step: int, archive: AsyncIterator[bytes]) -> Archive:
        """Keep files for the tasks after this one, in place of what the step has kept before."""
        ...

    async def find_cache(self, key: str) -> Archive | None:
        """The cache of that key, else the latest of those whose key begins with it."""
        ...

    async def save_cache(self, key: str, archive: AsyncIterator[bytes]) -> Archive:
        """Keep files under *key*, unless there are some already: these stay."""
        ...

    async def save_artifacts(self, step: int, archive: AsyncIterator[bytes]) -> KeptArtifacts:
        """Keep the files of a tar stream for people, in place of what the step has kept before."""
        ...

    async def save_reports(self, step: int, reported: Reported) -> None:
        """Keep what test reports say, in place of what the step has said before."""
        ...

    async def read(self, archive: Archive) -> AsyncIterator[bytes]:
        """The bytes of an archive."""
        ...
